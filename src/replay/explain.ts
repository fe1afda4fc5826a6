/**
 * One frame's whole way in words, of the trace ring's records (abi/trace). What happens while the frame is worked is told
 * whole, what others do because of it included; later only what concerns it: packets that wait for a neighbour or for
 * other fragments are followed to their end.
 */
import { SkbDropReason } from '../../assembly/abi/drop_reason.js';
import {
  TRACE_NO_DEVICE,
  TraceBridge,
  TraceBridgeNot,
  TraceGro,
  TraceKind,
} from '../../assembly/abi/trace.js';
import { formatIpv4, formatIpv6, formatMac } from '../config/ip_address.js';
import type { TraceRecord } from '../core/trace_ring.js';
import { FramePrinter } from '../tools/dump/printer.js';
import { connectionStep } from '../tools/firewall/connection.js';
import { logLine, readLog } from '../tools/firewall/log_line.js';
import { nftStepText, readNftStep } from './explain_nft.js';
import { nftStepWords } from './nft_steps.js';
import type { RuleFinder } from './rule_texts.js';

/** NetfilterHook. */
export const HOOK_NAMES = [
  'PREROUTING',
  'INPUT',
  'FORWARD',
  'OUTPUT',
  'POSTROUTING',
  'ingress',
  'egress',
  'XDP',
];
/** Hook ids of the core's own functions. */
const HOOK_FUNCTIONS: Readonly<Record<number, string>> = {
  3338665985: 'defrag',
  3338665986: 'conntrack',
  3338665987: 'conntrack confirm',
  3338665988: 'nat',
};
const VERDICTS = ['drop', 'accept', 'stolen', 'queue', 'repeat'];
const ROUTES = [
  'none',
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
];
const PACKETS = ['for its MAC address', 'a broadcast', 'a multicast', 'for another MAC address'];
const ERRNO: Readonly<Record<number, string>> = {
  13: 'EACCES: prohibited',
  22: 'EINVAL: blackhole',
  101: 'ENETUNREACH: no route',
  113: 'EHOSTUNREACH: unreachable',
  1000: 'martian source',
  1001: 'martian destination',
};
const NUD: Readonly<Record<number, string>> = {
  0: 'NONE',
  1: 'INCOMPLETE',
  2: 'REACHABLE',
  4: 'STALE',
  8: 'DELAY',
  16: 'PROBE',
  32: 'FAILED',
  64: 'NOARP',
  128: 'PERMANENT',
};
const PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'ICMP',
  2: 'IGMP',
  6: 'TCP',
  17: 'UDP',
  58: 'ICMPv6',
};
const BRIDGE_STATES = ['disabled', 'listening', 'learning', 'forwarding', 'blocking'];
const BRIDGE_NOT: Readonly<Record<number, string>> = {
  [TraceBridgeNot.STATE]: 'the spanning tree keeps it from forwarding',
  [TraceBridgeNot.SAME]: 'it came from there',
  [TraceBridgeNot.ISOLATED]: 'both ports are isolated',
  [TraceBridgeNot.VLAN]: 'it is not in the VLAN',
  [TraceBridgeNot.FLOODING]: 'such frames are not flooded there',
  [TraceBridgeNot.LISTENERS]: 'nobody listens there',
};
const VLAN_VID_MASK = 0xfff;
const ETH_P_8021AD = 0x88a8;
const AF_INET = 2;
const NF_VERDICT_MASK = 0xff;
const ENDS: ReadonlySet<number> = new Set([TraceKind.SENT, TraceKind.DROP, TraceKind.CONSUMED]);

export class Explainer {
  readonly lines: string[] = [];
  private readonly alive = new Set<number>();
  /** The frame's number, and that of the one whose packet GRO hung it on. */
  private readonly ids: Set<number>;
  private readonly printer = new FramePrinter({ time: 1, absoluteSeq: true });
  private beganNs = 0;
  private seen = false;
  /** Addresses of the neighbours where the frame waits. */
  private readonly waits = new Set<string>();

  constructor(
    private readonly frame: number,
    private readonly deviceName: (handle: number) => string,
    /** Without them rules are told by their handles. */
    private readonly rules?: RuleFinder,
  ) {
    this.ids = new Set([frame]);
  }

  /** Instead of a frame that was received: a packet of the router's own, from this record on. */
  begin({ skb, ns }: TraceRecord): void {
    this.seen = true;
    this.beganNs = ns;
    this.alive.add(skb);
  }

  /** Something of the frame is still under way. */
  get open(): boolean {
    return this.alive.size > 0;
  }

  get received(): boolean {
    return this.seen;
  }

  /** `during`: while the frame itself is worked. */
  take(records: readonly TraceRecord[], during: boolean): void {
    for (const record of records) {
      if (record.id === this.frame && record.kind === TraceKind.RECEIVED) {
        this.seen = true;
        this.beganNs = record.ns;
        this.alive.add(record.skb);
      }
      if (record.id === this.frame && record.skb === 0 && record.kind === TraceKind.DROP) {
        this.seen = true;
        this.beganNs = record.ns;
      }
      if (!this.seen) continue;
      const own = this.ids.has(record.id) || this.alive.has(record.skb);
      const about = this.waits.has(addressKey(record));
      if (own || about || during) this.tell(record, own);
      if (!own) continue;
      if (record.kind === TraceKind.CLONE) this.alive.add(record.a);
      // From here on it is part of another packet, whose way is its own.
      if (record.kind === TraceKind.GRO && record.detail === TraceGro.MERGED) {
        this.alive.delete(record.skb);
        this.alive.add(record.a);
        this.ids.add(record.b);
      }
      if (record.kind === TraceKind.NEIGH && record.a === 1) this.waits.add(addressKey(record));
      if (record.kind === TraceKind.NEIGH && record.a === 0) this.waits.delete(addressKey(record));
      if (ENDS.has(record.kind)) this.alive.delete(record.skb);
    }
  }

  private tell(record: TraceRecord, own: boolean): void {
    const words = this.words(record);
    if (words === null) return;
    const later = (record.ns - this.beganNs) / 1e9;
    this.lines.push(`+${later.toFixed(6)}  ${own ? '' : '  triggered: '}${words}`);
  }

  private words(record: TraceRecord): string | null {
    const { kind, detail, a, b, c, d, data } = record;
    const device = record.device === TRACE_NO_DEVICE ? 'no device' : this.deviceName(record.device);
    switch (kind) {
      case TraceKind.RECEIVED:
        return `received on ${device}, ${PACKETS[a] ?? `packet type ${a}`}: ${this.text(record)}`;
      case TraceKind.GRO:
        return gro(record, this.frame);
      case TraceKind.GSO:
        return `cut into ${b} segments of ${a} bytes`;
      case TraceKind.VLAN_UNTAG:
        return `${tag(a)} tag taken off: ${vlan(b)}`;
      case TraceKind.VLAN_RECEIVE:
        return `received by ${device}, the device of VLAN ${b}`;
      case TraceKind.VLAN_TAG:
        return `gets the ${tag(a)} tag of ${vlan(b)}, down to ${device}`;
      case TraceKind.BRIDGE:
        return this.bridge(record, device);
      case TraceKind.BRIDGE_STATE:
        return `bridge port ${device}: ${BRIDGE_STATES[a] ?? a} -> ${BRIDGE_STATES[detail] ?? detail}`;
      case TraceKind.HOOK: {
        const family = detail < 5 ? (a === 0 ? 'IPv4 ' : 'IPv6 ') : '';
        const verdict = VERDICTS[b & NF_VERDICT_MASK] ?? String(b);
        return `hook ${HOOK_FUNCTIONS[c] ?? c} at ${family}${HOOK_NAMES[detail] ?? detail} (priority ${d | 0}): ${verdict}`;
      }
      case TraceKind.ROUTE: {
        if (a !== 0) return `route: ${ERRNO[a] ?? `error ${a}`}`;
        const type = ROUTES[detail] ?? String(detail);
        if (type === 'local') return 'route: local, the address is ours';
        if (type !== 'unicast') return `route: ${type}`;
        const via =
          data.length === 0
            ? 'on the link'
            : `via ${data.length === 4 ? formatIpv4(data) : formatIpv6(data)}`;
        return `route: ${via} out of ${device}`;
      }
      case TraceKind.FORWARD:
        return `forwarded to ${device}, TTL ${a + 1} -> ${a}, MTU ${b}`;
      case TraceKind.DELIVER:
        return `delivered to this host: protocol ${PROTOCOLS[a] ?? a}`;
      case TraceKind.NEIGH:
        if (a === 1) return `waits for the address of neighbour ${address(record)} on ${device}`;
        return `neighbour ${address(record)} on ${device} is ${NUD[detail] ?? detail}${macOf(record)}`;
      case TraceKind.NEIGH_STATE:
        return `neighbour ${address(record)} on ${device}: ${NUD[a] ?? a} -> ${NUD[detail] ?? detail}${macOf(record)}`;
      case TraceKind.SOLICIT:
        return `asks for neighbour ${address(record)} on ${device}, probe ${a + 1}`;
      case TraceKind.XMIT:
        return `to ${device}: ${this.text(record)}`;
      case TraceKind.SENT:
        return `sent by ${device}`;
      case TraceKind.DROP:
        return `dropped on ${device}: ${SkbDropReason[a] ?? a}`;
      case TraceKind.CONSUMED:
        return 'ended here, its work done';
      case TraceKind.CLONE:
        return null;
      case TraceKind.ICMP_ERROR:
        return `its sender is to be told: ${detail === AF_INET ? 'ICMP' : 'ICMPv6'} type ${a} code ${b}${c === 0 ? '' : `, ${c}`}`;
      case TraceKind.DEFRAG:
        return `a fragment, waits for the others (identification ${a})`;
      case TraceKind.REASSEMBLED:
        return `the last fragment: a packet of ${a} bytes`;
      case TraceKind.FRAGMENT:
        return `cut into fragments for MTU ${a}`;
      case TraceKind.QDISC:
        return `waits in the queue of ${device}`;
      case TraceKind.NFT:
        return nftStepText(readNftStep(record, this.rules));
      case TraceKind.NFT_STEP:
        return nftStepWords(record, this.rules);
      case TraceKind.CT:
        return connectionStep(record);
      case TraceKind.NFLOG:
        return `logged: ${logLine(readLog(record), this.deviceName)}`;
      default:
        return `step ${kind}`;
    }
  }

  private bridge({ detail, a, b, data }: TraceRecord, device: string): string | null {
    const mac = formatMac(data);
    const where = a === 0 ? '' : ` in VLAN ${a}`;
    switch (detail) {
      case TraceBridge.PORT:
        return `bridge: port ${device} is ${BRIDGE_STATES[b] ?? b}`;
      case TraceBridge.LEARNED:
        return `bridge: learns that ${mac}${where} is behind ${device}`;
      case TraceBridge.MOVED:
        return `bridge: ${mac}${where} moved from ${this.deviceName(b)} to ${device}`;
      case TraceBridge.FULL:
        return `bridge: its table is full, ${mac}${where} is not learned`;
      case TraceBridge.FOUND:
        return `bridge: ${mac}${where} is behind ${device}`;
      case TraceBridge.LOCAL:
        return `bridge: ${mac}${where} is this machine`;
      case TraceBridge.FLOOD:
        return `bridge: ${mac}${where} is not known, to every port`;
      case TraceBridge.BROADCAST:
        return `bridge: a broadcast${where}, to every port`;
      case TraceBridge.MULTICAST:
        return `bridge: group ${mac}${where}, to every port`;
      case TraceBridge.GROUP:
        return `bridge: group ${mac}${where}, ${b === 1 ? 'to its listeners' : 'without listeners, to multicast routers'}`;
      case TraceBridge.OUT:
        return `bridge: out by ${device}`;
      case TraceBridge.NOT:
        return `bridge: not by ${device}, ${BRIDGE_NOT[b] ?? b}`;
      case TraceBridge.UP:
        return `bridge: up as ${device}'s`;
      default:
        return `bridge: step ${detail}`;
    }
  }

  private text({ data, length }: TraceRecord): string {
    return this.printer.print({ data, originalLength: length, seconds: 0, nanoseconds: 0 });
  }
}

/** A packet alone in its run is no news. */
function gro({ detail, a, b }: TraceRecord, frame: number): string | null {
  if (detail === TraceGro.MERGED) return `GRO: merged into the packet that frame ${b} began`;
  if (detail === TraceGro.HELD) return b === frame ? 'GRO: held, more of its flow may follow' : null;
  return a > 1 ? `GRO: ${a} frames go up as one packet` : null;
}

const tag = (proto: number): string => (proto === ETH_P_8021AD ? '802.1ad' : '802.1Q');

function vlan(tci: number): string {
  const priority = tci >>> 13;
  return `VLAN ${tci & VLAN_VID_MASK}${priority === 0 ? '' : `, priority ${priority}`}`;
}

function address({ b, data }: TraceRecord): string {
  return b === AF_INET ? formatIpv4(data.subarray(0, 4)) : formatIpv6(data.subarray(0, 16));
}

function macOf({ data }: TraceRecord): string {
  const mac = data.subarray(16, 22);
  return mac.every((octet) => octet === 0) ? '' : ` at ${formatMac(mac)}`;
}

/** Of a record about a neighbour; '' for others. */
function addressKey(record: TraceRecord): string {
  const { kind } = record;
  if (kind !== TraceKind.NEIGH && kind !== TraceKind.NEIGH_STATE && kind !== TraceKind.SOLICIT) return '';
  return `${record.device} ${address(record)}`;
}
