/** ctnetlink. */
import { NfConn } from './nf_conntrack';

export function ctnetlinkEvent(ring: usize, ct: NfConn, events: u32): void {
  assert(ring !== 0 && changetype<usize>(ct) !== 0 && events !== 0);
}
