import { Net } from '../net/net';
import { SkBuff } from '../skb/sk_buff';
import { consumeSkb } from '../skb/free';
export function ipDoFragment(net: Net, skb: SkBuff, mtu: u32): SkBuff | null {
  consumeSkb(skb);
  return null;
}
