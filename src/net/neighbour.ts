/** Neighbours of a namespace. `ip neighbour`. */
import { NeighRec } from '../../assembly/abi/request.js';
import { formatMac } from '../config/ip_address.js';
import { address, getAddressText, putAddress } from './ip.js';
import { putMac } from './link_name.js';

export const NUD = {
  none: 0,
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noarp: 0x40,
  permanent: 0x80,
} as const;
const NTF_PROXY = 0x08;
const NTF_ROUTER = 0x80;
export type NudState = keyof typeof NUD;
const STATES = new Map<number, NudState>(Object.entries(NUD).map(([name, id]) => [id, name as NudState]));

export interface NeighbourSpec {
  address: string;
  mac?: string;
  /** Default: permanent. */
  state?: NudState;
  /** Answer for it although another has it (`ip neigh add proxy`). */
  proxy?: boolean;
  /** With proxy: it is a router's. */
  router?: boolean;
}

export interface NeighbourInfo {
  address: string;
  ifindex: number;
  mac: string;
  state: NudState;
  flags: number;
  probes: number;
  confirmedMs: number;
  usedMs: number;
  updatedMs: number;
}

export function putNeighbour(
  view: DataView,
  at: number,
  net: number,
  ifindex: number,
  spec: NeighbourSpec,
): void {
  const { family, bytes } = address(spec.address);
  view.setUint32(at + NeighRec.NET, net, true);
  view.setInt32(at + NeighRec.IFINDEX, ifindex, true);
  view.setUint8(at + NeighRec.FAMILY, family);
  view.setUint8(at + NeighRec.STATE, NUD[spec.state ?? 'permanent']);
  const flags = (spec.proxy === true ? NTF_PROXY : 0) | (spec.router === true ? NTF_ROUTER : 0);
  view.setUint8(at + NeighRec.FLAGS, flags);
  putAddress(view, at + NeighRec.KEY, bytes);
  if (spec.mac !== undefined) putMac(view, at + NeighRec.LLADDR, spec.mac);
}

export function neighbourInfo(view: DataView, at: number): NeighbourInfo {
  const family = view.getUint8(at + NeighRec.FAMILY);
  return {
    address: getAddressText(view, at + NeighRec.KEY, family) ?? '::',
    ifindex: view.getInt32(at + NeighRec.IFINDEX, true),
    mac: formatMac(new Uint8Array(view.buffer, view.byteOffset + at + NeighRec.LLADDR, 6).slice()),
    state: STATES.get(view.getUint8(at + NeighRec.STATE)) ?? 'none',
    flags: view.getUint8(at + NeighRec.FLAGS),
    probes: view.getUint32(at + NeighRec.PROBES, true),
    confirmedMs: view.getUint32(at + NeighRec.CONFIRMED_MS, true),
    usedMs: view.getUint32(at + NeighRec.USED_MS, true),
    updatedMs: view.getUint32(at + NeighRec.UPDATED_MS, true),
  };
}
