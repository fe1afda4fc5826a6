/** VRF links: `ip link add NAME type vrf table N`. Devices become ports of one by `master`. */
import { VrfData as At } from '../../assembly/abi/link_data.js';
import { NetError } from '../net_error.js';

export interface VrfSpec {
  kind: 'vrf';
  /** The routing table of what its ports receive, 1 to 4294967295. Rules that lead there come with the first VRF. */
  table: number;
}

export interface VrfData {
  kind: 'vrf';
  table: number;
}

export function putVrf(view: DataView, at: number, spec: VrfSpec): void {
  if (!Number.isInteger(spec.table) || spec.table < 1 || spec.table > 0xffffffff)
    throw new NetError('EINVAL', `a VRF has a table from 1 to 4294967295, not ${spec.table}`);
  view.setUint32(at + At.TABLE, spec.table, true);
}

export function readVrf(view: DataView, at: number): VrfData {
  return { kind: 'vrf', table: view.getUint32(at + At.TABLE, true) };
}
