/** FTP. */
import { NF_ACCEPT } from '../net/hooks';
import { SkBuff } from '../skb/sk_buff';
import { NfConn } from './nf_conntrack';

export function nfFtpHelp(ct: NfConn, skb: SkBuff, dataoff: u32, info: u32): i32 {
  assert(changetype<usize>(ct) !== 0 && skb.len >= dataoff && info < 7);
  return NF_ACCEPT;
}
