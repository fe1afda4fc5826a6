/** VLAN links: `ip link add link LOWER name NAME type vlan [protocol ...] id N ...`. */
import { VlanData as At } from '../../assembly/abi/link_data.js';
import { NetError } from '../net_error.js';

const ETH_P_8021Q = 0x8100;
const ETH_P_8021AD = 0x88a8;
const EGRESS_MAX = 16;
const FLAG = { reorderHdr: 1, gvrp: 2, looseBinding: 4, mvrp: 8 } as const;

export interface VlanOptions {
  /** Default true: what is received is shown without its tag to whoever looks at frames. */
  reorderHdr?: boolean;
  /** Default false: stays up when the lower link is set down. */
  looseBinding?: boolean;
  gvrp?: boolean;
  mvrp?: boolean;
  /** Packet's priority by PCP of received frames: { 5: 6 } is 5:6 of `ingress-qos-map`. */
  ingressQosMap?: Readonly<Record<number, number>>;
  /** PCP of sent frames by packet's priority. */
  egressQosMap?: Readonly<Record<number, number>>;
}

export interface VlanSpec extends VlanOptions {
  kind: 'vlan';
  /** The lower link. */
  link: { ifindex: number };
  /** 0 to 4094 */
  id: number;
  protocol?: '802.1Q' | '802.1ad';
}

export interface VlanData {
  kind: 'vlan';
  id: number;
  protocol: '802.1Q' | '802.1ad';
  reorderHdr: boolean;
  looseBinding: boolean;
  ingressQosMap: Record<number, number>;
  egressQosMap: Record<number, number>;
}

export function putVlan(view: DataView, at: number, spec: VlanSpec): void {
  if (!Number.isInteger(spec.id) || spec.id < 0 || spec.id > 4094)
    throw new NetError('ERANGE', `VLAN ids run from 0 to 4094, not ${spec.id}`);
  view.setUint16(at + At.ID, spec.id, true);
  view.setUint16(at + At.PROTOCOL, spec.protocol === '802.1ad' ? ETH_P_8021AD : ETH_P_8021Q, true);
  putVlanOptions(view, at, spec);
}

export function putVlanOptions(view: DataView, at: number, options: VlanOptions): void {
  let flags = 0;
  let mask = 0;
  for (const name of ['reorderHdr', 'gvrp', 'looseBinding', 'mvrp'] as const) {
    if (options[name] === undefined) continue;
    mask |= FLAG[name];
    if (options[name]) flags |= FLAG[name];
  }
  if ((flags & (FLAG.gvrp | FLAG.mvrp)) !== 0)
    throw new NetError('EOPNOTSUPP', 'gvrp and mvrp are not supported: name the VLANs on the switch');
  view.setUint32(at + At.FLAGS, flags, true);
  view.setUint32(at + At.FLAGS_MASK, mask, true);
  let ingress = 0;
  for (const [pcp, priority] of Object.entries(options.ingressQosMap ?? {})) {
    const n = priorityCodePoint(Number(pcp));
    ingress |= 1 << n;
    view.setUint32(at + At.INGRESS + n * 4, priority, true);
  }
  view.setUint8(at + At.INGRESS_MASK, ingress);
  const egress = Object.entries(options.egressQosMap ?? {});
  if (egress.length > EGRESS_MAX)
    throw new NetError('ENOSPC', `an egress-qos-map has at most ${EGRESS_MAX} pairs`);
  view.setUint8(at + At.EGRESS_COUNT, egress.length);
  egress.forEach(([priority, pcp], i) => {
    view.setUint32(at + At.EGRESS_PRIORITY + i * 4, Number(priority), true);
    view.setUint8(at + At.EGRESS_PCP + i, priorityCodePoint(pcp));
  });
}

function priorityCodePoint(pcp: number): number {
  if (!Number.isInteger(pcp) || pcp < 0 || pcp > 7)
    throw new NetError('ERANGE', `a VLAN priority is 0 to 7, not ${pcp}`);
  return pcp;
}

export function readVlan(view: DataView, at: number): VlanData {
  const flags = view.getUint32(at + At.FLAGS, true);
  const ingressQosMap: Record<number, number> = {};
  for (let pcp = 0; pcp < 8; pcp++) {
    const priority = view.getUint32(at + At.INGRESS + pcp * 4, true);
    if (priority !== 0) ingressQosMap[pcp] = priority;
  }
  const egressQosMap: Record<number, number> = {};
  for (let i = 0; i < view.getUint8(at + At.EGRESS_COUNT); i++) {
    egressQosMap[view.getUint32(at + At.EGRESS_PRIORITY + i * 4, true)] = view.getUint8(
      at + At.EGRESS_PCP + i,
    );
  }
  return {
    kind: 'vlan',
    id: view.getUint16(at + At.ID, true),
    protocol: view.getUint16(at + At.PROTOCOL, true) === ETH_P_8021AD ? '802.1ad' : '802.1Q',
    reorderHdr: (flags & FLAG.reorderHdr) !== 0,
    looseBinding: (flags & FLAG.looseBinding) !== 0,
    ingressQosMap,
    egressQosMap,
  };
}
