/**
 * Redirects to neighbours that should have known better: RFC 792, RFC 1812 §5.2.7.2. Linux: ip_rt_send_redirect:
 * after each message the pause to the next doubles, and after redirect_number of them we stop until the sender was
 * silent for redirect_silence.
 */
import { Sysctl } from '../abi/sysctl';
import { l3mdevIfindexOf } from '../dev/l3mdev';
import { AF_INET, Net, sysctl } from '../net/net';
import { FibNh, nhGwPtr } from '../route/fib';
import { inetPeerRedirectAllow } from '../route/inet_peer';
import { SkBuff } from '../skb/sk_buff';
import { icmpSend } from './icmp';

const ICMP_REDIRECT: u32 = 5;
const ICMP_REDIR_HOST: u32 = 1;

/** The packet was for `daddr` and goes on by `nh`, out of the device it came in by. */
export function ipSendRedirect(net: Net, skb: SkBuff, nh: FibNh, daddr: u32): void {
  const load_ = <u32>sysctl(net, Sysctl.ROUTE_REDIRECT_LOAD);
  const number = <u32>sysctl(net, Sysctl.ROUTE_REDIRECT_NUMBER);
  const silence = <u32>sysctl(net, Sysctl.ROUTE_REDIRECT_SILENCE);
  const vif = l3mdevIfindexOf(nh.dev);
  if (!inetPeerRedirectAllow(net, AF_INET, skb.networkHeader + 12, vif, load_, number, silence)) return;
  const gw = nh.gwFamily === AF_INET ? load<u32>(nhGwPtr(nh)) : bswap<u32>(daddr);
  icmpSend(skb, ICMP_REDIRECT, ICMP_REDIR_HOST, gw);
}
