/** `--debug=netlink`: the IR as nft 1.0.6 prints it, byte for byte. */
import type { VerdictData } from '../expr/data.js';
import { verdictText } from '../expr/data.js';
import { hexWords } from '../expr/expr.js';
import { exprText } from '../expr/registry.js';
import type {
  IrChain,
  IrCommand,
  IrElement,
  IrElements,
  IrFlowtable,
  IrObject,
  IrObjectData,
  IrRule,
  IrSet,
} from '../ir.js';
import { userdataText } from './userdata.js';

export function debugText(commands: readonly IrCommand[]): string {
  return commands.map((command) => commandText(command)).join('');
}

function commandText({ op, thing }: IrCommand): string {
  if (op === 'delete' || op === 'destroy' || op === 'rename') {
    return thing.kind === 'elements' ? elementsText(thing) : '';
  }
  switch (thing.kind) {
    case 'table':
      return '';
    case 'chain':
      return chainText(thing);
    case 'rule':
      return ruleText(thing);
    case 'set':
      return setText(thing);
    case 'elements':
      return elementsText(thing);
    case 'flowtable':
      return flowtableText(thing);
    case 'object':
      return objectText(thing);
    case 'flush':
      return thing.what === 'set' ? `${thing.name} ${thing.table} 0\n` : '';
  }
}

function devicesText(devices: readonly string[], always: boolean): string {
  const sorted = [...devices].sort();
  if (devices.length === 0) return '';
  if (sorted.length === 1 && !always) return ` dev ${sorted[0]} `;
  return ` dev { ${sorted.map((device) => ` ${device} `).join('')} } `;
}

function chainText({ family, type, hook, hookText }: IrChain): string {
  const base =
    hook === undefined
      ? ''
      : ` type ${type} hook ${hookText} prio ${hook.priority} packets 0 bytes 0${devicesText(hook.devices, false)}`;
  return `${family} (null) (null) use 0${base}\n`;
}

function ruleText({
  family,
  table,
  chain,
  exprs,
  userdata,
  handle,
  position,
  id,
  positionId,
}: IrRule): string {
  const lines = exprs.map((expr) => `  [ ${exprText(expr)} ]\n`).join('');
  const data = userdata === undefined ? '\n' : `  userdata = { ${userdataText(userdata)} }\n`;
  const head = [family, table, ...(chain === '' ? [] : [chain]), handle, position, id, positionId];
  return `${head.filter((each) => each !== undefined).join(' ')}\n${lines}${data}`;
}

function setText({ name, table, flags, timeoutMs, gcIntervalMs, policy, size }: IrSet): string {
  const timeout = timeoutMs === 0n ? '' : ` timeout ${timeoutMs}ms`;
  const gc = gcIntervalMs === 0 ? '' : ` gc_interval ${gcIntervalMs}ms`;
  const rule = policy === undefined || policy === 0 ? '' : ` policy ${policy}`;
  return `${name} ${table} ${flags.toString(16)}${timeout}${gc}${rule}${size === 0 ? '' : ` size ${size}`}\n`;
}

function dataText(data: Uint8Array | VerdictData | undefined): string {
  if (data === undefined) return '';
  return data instanceof Uint8Array ? hexWords(data).join(' ') : verdictText(data);
}

function elementText({ key, keyEnd, data, flags, userdata }: IrElement): string {
  const words = (bytes: Uint8Array): string =>
    hexWords(bytes)
      .map((word) => `${word} `)
      .join('');
  const end = keyEnd === undefined ? '' : ` - ${words(keyEnd)}`;
  const value = dataText(data);
  const extra = userdata === undefined ? '' : `  userdata = { ${userdataText(userdata)} }`;
  return `\telement ${words(key)}${end} : ${value === '' ? '' : `${value} `}${flags} [end]${extra}`;
}

function elementsText({ set, table, elements }: IrElements): string {
  return `${set} ${table} 0\n${elements.length === 0 ? '' : `${elements.map(elementText).join('')}\n`}`;
}

function flowtableText({ hook, flags }: IrFlowtable): string {
  const devices = devicesText(hook?.devices ?? [], true);
  return `flow table (null) (null) use 0 size 0 flags ${flags} hook prerouting prio ${hook?.priority ?? 0} ${devices}\n`;
}

const family = (l3proto: number, always = false): string =>
  l3proto === 0 && !always ? '' : ` family ${l3proto}`;

function dataOfObject(data: IrObjectData): string {
  switch (data.type) {
    case 'counter':
      return `counter pkts ${data.packets} bytes ${data.bytes} ]`;
    case 'quota':
      return `quota bytes ${data.bytes} flags ${data.inv ? 1 : 0} ]`;
    case 'limit':
      return `limit rate ${data.rate} unit ${data.unit} burst ${data.burst} type ${data.bytes ? 1 : 0} flags ${data.inv ? 1 : 0} ]`;
    case 'ct helper':
      return `ct_helper name ${data.name}${family(data.l3proto, true)} protocol ${data.l4proto} ]`;
    case 'ct timeout': {
      const states = data.policy.map(({ name, value }) => `${name} = ${value},`).join('');
      return `ct_timeout${family(data.l3proto)} protocol ${data.l4proto} policy = {${states}}]`;
    }
    case 'ct expectation':
      return `ct_expect${family(data.l3proto)} protocol ${data.l4proto} dport ${data.dport} timeout ${data.timeoutMs} size ${data.size} ]`;
    case 'synproxy':
      return `synproxy mss ${data.mss} wscale ${data.wscale} ]`;
    case 'secmark':
      return `secmark context ${data.context} ]`;
  }
}

function objectText({ data }: IrObject): string {
  return `table (null) name (null) use 0 [ ${data === undefined ? ']' : dataOfObject(data)}\n`;
}
