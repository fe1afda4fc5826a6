/** Sets, maps and their elements as text. How many elements go on a line depends on the type of the key. */
import type { MapData, MapObject, SetObject, TypeSpec } from '../ast.js';
import {
  ARPOP,
  BITMASK,
  CLASSID,
  CT_DIR,
  CT_STATE,
  CT_STATUS,
  type Datatype,
  DCCP_PKTTYPE,
  GID,
  INET_PROTO,
  INET_SERVICE,
  INTEGER,
  IPADDR,
  MARK,
  NFPROTO,
  PKT_TYPE,
  STRING,
  TCP_FLAG,
  UID,
} from '../datatype/datatype.js';
import { elementText, expressionText, keyType } from './expression.js';
import { handleText } from './statement.js';
import type { PrintOptions } from './options.js';
import { isState, stateText } from './state.js';
import { timeText } from './time.js';
import { typeOfSpec } from './type_of.js';
import type { ValueType } from './value.js';

const five = [
  NFPROTO,
  INTEGER,
  INET_PROTO,
  INET_SERVICE,
  MARK,
  UID,
  GID,
  TCP_FLAG,
  DCCP_PKTTYPE,
  ARPOP,
  CLASSID,
];
const two = [IPADDR, CT_STATE, CT_STATUS, CT_DIR, PKT_TYPE];
/** Elements on a line; of any other type, one. */
const ON_A_LINE: ReadonlyMap<Datatype, number> = new Map([
  ...five.map((type) => [type, 5] as const),
  ...two.map((type) => [type, 2] as const),
  [BITMASK, 1] as const,
]);

const FLAGS = ['constant', 'dynamic', 'interval', 'timeout'] as const;

const specText = (spec: TypeSpec, options: PrintOptions) =>
  spec.kind === 'type' ? spec.names.join(' . ') : expressionText(spec.expr, options);

function dataText(data: MapData, options: PrintOptions): string {
  if (data.kind === 'verdict') return 'verdict';
  return data.kind === 'object' ? data.type : specText(data, options);
}

function typeText(set: SetObject | MapObject, options: PrintOptions): string {
  if (!set.type) return '';
  const word = set.type.kind === 'typeof' ? 'typeof' : 'type';
  const data = set.kind === 'map' && set.map ? set.map : undefined;
  const interval = set.kind === 'map' && set.mapInterval ? 'interval ' : '';
  return `\t\t${word} ${specText(set.type, options)}${data ? ` : ${interval}${dataText(data, options)}` : ''}\n`;
}

function flagsText({ flags, timeoutMs }: SetObject | MapObject): string {
  const given = FLAGS.filter((flag) => flags?.includes(flag));
  // A timeout says as much.
  const enough = timeoutMs ? given.filter((flag) => flag !== 'timeout') : given;
  return enough.length > 0 ? `\t\tflags ${given.join(',')}\n` : '';
}

function dataType(set: SetObject | MapObject): ValueType {
  if (set.kind !== 'map' || !set.map) return {};
  if (set.map.kind === 'object') return { type: STRING };
  return set.map.kind === 'verdict' ? {} : { type: typeOfSpec(set.map) };
}

function specType(spec: TypeSpec): ValueType {
  return spec.kind === 'typeof' ? keyType(spec.expr) : { type: typeOfSpec(spec) };
}

function elementsText(set: SetObject | MapObject, options: PrintOptions): string {
  if (!set.elem?.length || options.terse) return '';
  const key = set.type ? specType(set.type) : {};
  const data = dataType(set);
  const onALine = (key.type && ON_A_LINE.get(key.type)) ?? 1;
  const parts: string[] = [];
  for (const [i, elem] of set.elem.entries()) {
    if (i > 0) parts.push(i % onALine === 0 ? ',\n\t\t\t     ' : ', ');
    parts.push(elementText(elem, key, data, options));
  }
  return `\t\telements = { ${parts.join('')} }\n`;
}

/** Its elements on one line. */
export function elementsLine(set: SetObject | MapObject, options: PrintOptions): string {
  const key = set.type ? specType(set.type) : {};
  const data = dataType(set);
  return (set.elem ?? []).map((elem) => elementText(elem, key, data, options)).join(', ');
}

export function setText(set: SetObject | MapObject, options: PrintOptions): string {
  let text = `\t${options.meters ? 'meter' : set.kind} ${set.name} {${handleText(set.handle, options)}\n`;
  text += typeText(set, options);
  if (set.policy === 'memory') text += '\t\tpolicy memory\n';
  if (set.size) text += `\t\tsize ${set.size}\n`;
  text += flagsText(set);
  if (set.timeoutMs) text += `\t\ttimeout ${timeText(set.timeoutMs)}\n`;
  if (set.gcIntervalMs) text += `\t\tgc-interval ${timeText(set.gcIntervalMs)}\n`;
  if (set.autoMerge) text += '\t\tauto-merge\n';
  if (set.stmts?.length)
    text += `\t\t${set.stmts
      .filter(isState)
      .map((stmt) => stateText(stmt, options, true))
      .join(' ')}\n`;
  if (set.comment !== undefined) text += `\t\tcomment "${set.comment}"\n`;
  return `${text}${elementsText(set, options)}\t}\n`;
}
