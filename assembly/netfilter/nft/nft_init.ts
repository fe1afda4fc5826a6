/** nf_tables' functions behind their op ids, and its places in memory. */
import { Op } from '../../abi/ops';
import { NetDevice } from '../../dev/net_device';
import { opSet } from '../../lib/ops';
import { root } from '../../lib/root';
import { Net } from '../../net/net';
import { NetdevEvent } from '../../net/registry';
import { nfFlowGc } from '../nf_flow_table';
import { nfFlowOffloadHook } from '../nf_flow_table_ip';
import { NftNet } from './nf_tables';
import { chainsDevGone } from './nft_chain';
import { nftDoChainOp } from './nft_core';
import { NFT_RUN_BYTES } from './nft_ctx';
import { flowtablesDevGone } from './nft_flowtable';
import { NftSet } from './nft_set';
import { setGc } from './nft_setelem';
import { nftNetExit } from './nft_trans';

export function nftRunBytes(): u32 {
  return NFT_RUN_BYTES;
}

/** `at`: nftRunBytes() zeroed bytes. */
export function nftRunInit(at: usize): void {
  root().nft = at;
}

export function nftOpsInit(): void {
  opSet(Op.NFT_DO_CHAIN, nftDoChainOp.index);
  opSet(Op.TIMER_NFT_SET, setTimer.index);
  opSet(Op.NETDEV_EVENT_NFT, netdevEvent.index);
  opSet(Op.NET_EXIT_NFT, netExit.index);
  opSet(Op.NF_FLOW_OFFLOAD, nfFlowOffloadHook.index);
  opSet(Op.TIMER_NF_FLOW, nfFlowGc.index);
}

function setTimer(set: usize): void {
  setGc(changetype<NftSet>(set));
}

function netdevEvent(event: u32, dev: usize): void {
  const device = changetype<NetDevice>(dev);
  const net: Net = device.net;
  if (event !== <u32>NetdevEvent.UNREGISTER || net.nft === 0) return;
  chainsDevGone(net, changetype<NftNet>(net.nft), device);
  flowtablesDevGone(changetype<NftNet>(net.nft), device);
}

function netExit(net: usize): i32 {
  nftNetExit(changetype<Net>(net));
  return 0;
}
