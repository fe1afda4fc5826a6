/**
 * Connections are tracked while a rule looks at them or translates: an expression that does holds tracking for its
 * table's families. Linux: nf_ct_netns_get in the init of nft_ct and nft_nat.
 */
import { NbKey, NftExprKind } from '../../abi/nft_bytecode';
import { NfProto } from '../../abi/nfnl';
import { Errno } from '../../net/errno';
import { NFPROTO_IPV4, NFPROTO_IPV6 } from '../../net/hooks';
import { nfCtBridgeGet, nfCtBridgePut, nfCtGetFamilies, nfCtNetnsPut } from '../nf_conntrack_init';
import { Ctx, nftCtx } from './nft_ctx';

function tracks(kind: u32): bool {
  switch (kind) {
    case NftExprKind.CT:
    case NftExprKind.CT_SET:
    case NftExprKind.NAT:
    case NftExprKind.MASQ:
    case NftExprKind.REDIR:
    case NftExprKind.CT_HELPER:
    case NftExprKind.CT_TIMEOUT:
    case NftExprKind.CT_EXPECT:
    case NftExprKind.FLOW_OFFLOAD:
      return true;
  }
  return false;
}

/** Holds tracking for an expression that was just read; 0 or a negative errno. The families are noted in its record. */
export function trackGet(ctx: Ctx, kind: u32, rec: usize): i32 {
  if (!tracks(kind)) return 0;
  // snat and dnat say of which family they are: `dnat ip to` in a table of inet tracks IPv4 alone.
  const family = kind === <u32>NftExprKind.NAT ? load<u32>(rec, NAT_FAMILY) : ctx.family;
  const v4 = family === <u32>NfProto.IPV4 || family === <u32>NfProto.INET;
  const v6 = family === <u32>NfProto.IPV6 || family === <u32>NfProto.INET;
  const bridge = ctx.family === <u32>NfProto.BRIDGE;
  if (!v4 && !v6 && !bridge) return -Errno.EOPNOTSUPP;
  const err = bridge ? nfCtBridgeGet(ctx.net) : nfCtGetFamilies(ctx.net, v4, v6);
  if (err === 0) store<u32>(rec + familyAt(kind), family);
  return err;
}

/** Where a record notes the family that it holds: behind what it has of its own. */
function familyAt(kind: u32): u32 {
  switch (kind) {
    case NftExprKind.CT:
    case NftExprKind.CT_SET:
    case NftExprKind.CT_HELPER:
    case NftExprKind.FLOW_OFFLOAD:
      return NbKey.SIZE;
    case NftExprKind.CT_TIMEOUT:
      return 12;
    case NftExprKind.CT_EXPECT:
      return 16;
  }
  return NAT_BYTES;
}
const NAT_BYTES: u32 = 20;
const NAT_FAMILY: usize = 4;

/** Lets it go. */
export function trackPut(rec: usize): void {
  const net = nftCtx().net;
  const family = load<u32>(rec + familyAt(load<u8>(rec)));
  if (family === <u32>NfProto.BRIDGE) nfCtBridgePut(net);
  if (family === <u32>NfProto.IPV4 || family === <u32>NfProto.INET) nfCtNetnsPut(net, NFPROTO_IPV4);
  if (family === <u32>NfProto.IPV6 || family === <u32>NfProto.INET) nfCtNetnsPut(net, NFPROTO_IPV6);
}
