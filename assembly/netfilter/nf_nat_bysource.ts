/**
 * Connections by the source that NAT maps: the next connection of a source gets the same address and port where that
 * is free (RFC 4787 §4.1: endpoint-independent mapping). Linux: nf_nat_core.c, nf_nat_bysource.
 */
import { IPS_SRC_NAT_DONE, NfConn, NfCtNet, NfTuple, nfConnCtNet, nfTuple } from './nf_conntrack';

function bucketOf(ctnet: NfCtNet, orig: NfTuple): usize {
  const words = <u64>(<u32>orig.src0 + ctnet.key2) * <u64>(<u32>(orig.src0 >> 32) + ctnet.key3);
  const more = <u64>(<u32>orig.src1 + ctnet.key0) * <u64>(<u32>(orig.src1 >> 32) + ctnet.key1);
  const port = <u64>((((<u32>orig.proto) << 16) | <u32>orig.sport) + ctnet.key1) * <u64>ctnet.key0;
  const hash = <u32>(((words ^ rotl<u64>(more, 21) ^ port) * ctnet.mul) >> 32);
  return ctnet.bysource + ((hash & ctnet.mask) << 2);
}

/** The newest connection of this source; 0: none, or NAT is not in use. NfConn.bysourceNext goes on. */
export function nfNatBysourceHead(ctnet: NfCtNet, orig: NfTuple): usize {
  return ctnet.bysource === 0 ? 0 : load<u32>(bucketOf(ctnet, orig));
}

export function nfNatBysourceAdd(ctnet: NfCtNet, ct: NfConn): void {
  if (ctnet.bysource === 0) return;
  const bucket = bucketOf(ctnet, nfTuple(ct, 0));
  ct.bysourceNext = load<u32>(bucket);
  store<u32>(bucket, changetype<usize>(ct));
}

export function nfNatBysourceDel(ct: NfConn): void {
  if ((ct.status & IPS_SRC_NAT_DONE) === 0) return;
  const ctnet = nfConnCtNet(ct);
  if (ctnet.bysource === 0) return;
  let at = bucketOf(ctnet, nfTuple(ct, 0));
  while (load<u32>(at) !== 0) {
    const p = load<u32>(at);
    if (p === changetype<usize>(ct)) {
      store<u32>(at, ct.bysourceNext);
      return;
    }
    at = p + offsetof<NfConn>('bysourceNext');
  }
}

/** The table has another size: in again, when the connection was there. */
export function nfNatBysourceAgain(ctnet: NfCtNet, ct: NfConn): void {
  if ((ct.status & IPS_SRC_NAT_DONE) !== 0) nfNatBysourceAdd(ctnet, ct);
}
