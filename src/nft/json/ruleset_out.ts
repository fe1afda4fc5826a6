/**
 * A ruleset as JSON: { "nftables": [ { "metainfo": ... }, { "table": ... }, ... ] }, as `nft -j list ruleset` prints it.
 * What libnftables 1.0.6 leaves out of its JSON is left out here (comments of tables and chains, `auto-merge`, `dynamic`,
 * what a set is `typeof`), so that a program that reads the one reads the other.
 */
import type {
  LimitObject,
  MapData,
  MapObject,
  RulesetObject,
  SetObject,
  StatefulObject,
  TypeSpec,
} from '../ast.js';
import type { Datatype } from '../datatype/datatype.js';
import { priorityValue } from '../print/priority.js';
import { typeOf, typeOfSpec } from '../print/type_of.js';
import { elementJson, seconds } from './expression_out.js';
import { statementJson } from './statement_out.js';
import { fields, flagsOf, type Json, jsonText } from './text.js';

/** The schema that this speaks is that of nft 1.0.6. */
const METAINFO: Json = {
  metainfo: { version: '1.0.6', release_name: 'Lester Gooch #5', json_schema_version: 1 },
};

function typeJson(spec: TypeSpec): Json {
  if (spec.kind === 'type') return spec.names.length === 1 ? spec.names[0]! : spec.names;
  const type: Datatype | undefined = typeOf(spec.expr);
  if (!type) return 'integer';
  return type.parts ? type.parts.map(({ name }) => name) : type.name;
}

function mapDataJson(data: MapData): Json {
  if (data.kind === 'verdict') return 'verdict';
  if (data.kind === 'object') return data.type;
  const type = typeJson(data);
  return Array.isArray(type) ? type.join(' . ') : type;
}

export function elementsJson(set: SetObject | MapObject): Json[] {
  const map = set.kind === 'map' ? set.map : undefined;
  const data = map && (map.kind === 'type' || map.kind === 'typeof') ? typeOfSpec(map) : undefined;
  const key = set.type && typeOfSpec(set.type);
  return (set.elem ?? []).map((elem) => elementJson(elem, key, data));
}

function setJson(set: SetObject | MapObject): Json {
  const map = set.kind === 'map' ? set.map : undefined;
  const flags = (['constant', 'interval', 'timeout'] as const).filter(
    (flag) => set.flags?.includes(flag) || (flag === 'timeout' && set.timeoutMs !== undefined),
  );
  return {
    [set.kind]: fields({
      family: set.family,
      name: set.name,
      table: set.table,
      type: set.type && typeJson(set.type),
      handle: set.handle,
      comment: set.comment,
      map: map && mapDataJson(map),
      policy: set.policy === 'memory' ? 'memory' : undefined,
      size: set.size,
      flags: flags.length > 0 ? flags : undefined,
      timeout: seconds(set.timeoutMs),
      'gc-interval': seconds(set.gcIntervalMs),
      elem: set.elem && set.elem.length > 0 ? elementsJson(set) : undefined,
      stmt:
        set.stmts && set.stmts.length > 0 ? set.stmts.map((stmt) => statementJson(stmt, true)) : undefined,
    }),
  };
}

const UNITS = ['bytes', 'kbytes', 'mbytes'] as const;

/** A number of bytes in the largest unit that divides it. */
function inUnits(bytes: number | bigint): { readonly value: bigint; readonly unit: string } {
  let value = BigInt(bytes);
  let unit = 0;
  while (unit < 2 && value !== 0n && value % 1024n === 0n) {
    value /= 1024n;
    unit++;
  }
  return { value, unit: UNITS[unit]! };
}

function limitFields({ rate, per, burst, unit, inv }: LimitObject): {
  readonly [key: string]: Json | undefined;
} {
  if (unit === 'packets') return { rate, per, burst: burst ?? 5, inv: inv || undefined };
  const inRate = inUnits(rate);
  const inBurst = inUnits(burst ?? 0);
  const all = { rate: inRate.value, per, inv: inv || undefined, rate_unit: inRate.unit };
  return inBurst.value === 0n ? all : { ...all, burst: inBurst.value, burst_unit: inBurst.unit };
}

function objectFields(object: StatefulObject): { readonly [key: string]: Json | undefined } {
  switch (object.kind) {
    case 'counter':
      return { packets: object.packets ?? 0, bytes: object.bytes ?? 0 };
    case 'quota':
      return { bytes: object.bytes, used: object.used ?? 0, inv: object.inv };
    case 'limit':
      return limitFields(object);
    case 'ct helper':
      return { type: object.type, protocol: object.protocol, l3proto: object.l3proto ?? object.family };
    case 'ct timeout':
      return {
        protocol: object.protocol,
        l3proto: object.l3proto ?? object.family,
        policy: Object.fromEntries(object.policy.map(({ state, value }) => [state, value])),
      };
    case 'ct expectation':
      return {
        protocol: object.protocol,
        dport: object.dport,
        timeout: object.timeoutMs,
        size: object.size,
        l3proto: object.l3proto ?? object.family,
      };
    case 'synproxy':
      return {
        mss: object.mss,
        wscale: object.wscale,
        flags: object.flags.length > 0 ? object.flags : undefined,
      };
    case 'secmark':
      return { context: object.context };
  }
}

export function objectJson(object: RulesetObject): Json {
  switch (object.kind) {
    case 'table':
      return {
        table: fields({
          family: object.family,
          name: object.name,
          handle: object.handle,
          flags: flagsOf(object.flags),
          comment: object.comment,
        }),
      };
    case 'chain': {
      const { prio, hook } = object;
      return {
        chain: fields({
          family: object.family,
          table: object.table,
          name: object.name,
          handle: object.handle,
          comment: object.comment,
          type: object.type,
          hook,
          prio: prio && hook !== undefined ? priorityValue(prio, object.family, hook) : undefined,
          dev: flagsOf(object.devices),
          policy: object.type === undefined ? undefined : (object.policy ?? 'accept'),
        }),
      };
    }
    case 'rule':
      return {
        rule: fields({
          family: object.family,
          table: object.table,
          chain: object.chain,
          handle: object.handle,
          comment: object.comment,
          expr: object.expr.map((stmt) => statementJson(stmt)),
        }),
      };
    case 'set':
    case 'map':
      return setJson(object);
    case 'element':
      return {
        element: {
          family: object.family,
          table: object.table,
          name: object.name,
          elem: object.elem.map((elem) => elementJson(elem)),
        },
      };
    case 'flowtable':
      return {
        flowtable: fields({
          family: object.family,
          name: object.name,
          table: object.table,
          handle: object.handle,
          hook: object.hook,
          prio: object.prio?.offset,
          dev: flagsOf(object.devices),
        }),
      };
    default:
      return {
        [object.kind]: fields({
          family: object.family,
          name: object.name,
          table: object.table,
          handle: object.handle,
          comment: object.comment,
          ...objectFields(object),
        }),
      };
  }
}

/** The objects in the order given: nft lists of each table the objects, sets, flowtables, chains and rules. */
export function printJson(objects: readonly RulesetObject[]): string {
  return jsonText({ nftables: [METAINFO, ...objects.map(objectJson)] });
}
