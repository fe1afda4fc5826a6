/** For tests: where the fields are that generated code reads by abi/nft_frame and abi/nft_set. */
import { NetDevice } from '../../dev/net_device';
import { NfHookState } from '../../dev/nf_hook';
import { SKB_F_PATH, SkBuff } from '../../skb/sk_buff';
import { NfConn } from '../nf_conntrack';
import { ELEM_KEY, Elem } from './nft_elem';
import { Pkt } from './nft_pkt';
import { BaseChain } from './nf_tables';
import { NftSet } from './nft_set';

/** Offsets in the order of NftFrame, one u32 each from `to` on; returns how many. */
export function frameOffsets(to: usize): u32 {
  let at = to;
  at = put(at, offsetof<Pkt>('code'));
  at = put(at, offsetof<Pkt>('chain'));
  at = put(at, offsetof<Pkt>('skb'));
  at = put(at, offsetof<Pkt>('in'));
  at = put(at, offsetof<Pkt>('out'));
  at = put(at, offsetof<Pkt>('family'));
  at = put(at, offsetof<Pkt>('nh'));
  at = put(at, offsetof<Pkt>('nhLen'));
  at = put(at, offsetof<Pkt>('l4'));
  at = put(at, offsetof<Pkt>('tprot'));
  at = put(at, offsetof<Pkt>('thoff'));
  at = put(at, offsetof<Pkt>('fragoff'));
  at = put(at, offsetof<SkBuff>('data'));
  at = put(at, offsetof<SkBuff>('len'));
  at = put(at, offsetof<SkBuff>('dataLen'));
  at = put(at, offsetof<SkBuff>('protocol'));
  at = put(at, offsetof<SkBuff>('flags'));
  at = put(at, offsetof<SkBuff>('mark'));
  at = put(at, offsetof<SkBuff>('priority'));
  at = put(at, offsetof<SkBuff>('nfct'));
  at = put(at, offsetof<NetDevice>('ifindex'));
  at = put(at, offsetof<NetDevice>('name0'));
  at = put(at, offsetof<NfConn>('status'));
  at = put(at, offsetof<NfConn>('mark'));
  at = put(at, offsetof<NfHookState>('hook'));
  at = put(at, offsetof<NfHookState>('family'));
  at = put(at, offsetof<NfHookState>('in'));
  at = put(at, offsetof<NfHookState>('out'));
  at = put(at, offsetof<BaseChain>('policyNow'));
  at = put(at, offsetof<BaseChain>('counting'));
  return (at - to) >> 2;
}

export function pathFlag(): u32 {
  return SKB_F_PATH;
}

/** The same of NftSetRec and NftElemRec. */
export function setOffsets(to: usize): u32 {
  let at = to;
  at = put(at, offsetof<NftSet>('flags'));
  at = put(at, offsetof<NftSet>('klen'));
  at = put(at, offsetof<NftSet>('dtype'));
  at = put(at, offsetof<NftSet>('dlen'));
  at = put(at, offsetof<NftSet>('backend'));
  at = put(at, offsetof<NftSet>('dataAt'));
  at = put(at, offsetof<NftSet>('store'));
  at = put(at, offsetof<NftSet>('look'));
  at = put(at, offsetof<NftSet>('catchall'));
  at = put(at, offsetof<Elem>('state'));
  at = put(at, offsetof<Elem>('flags'));
  at = put(at, offsetof<Elem>('more'));
  at = put(at, ELEM_KEY);
  return (at - to) >> 2;
}

function put(at: usize, offset: usize): usize {
  store<u32>(at, offset);
  return at + 4;
}
