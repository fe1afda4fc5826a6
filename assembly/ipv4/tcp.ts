import { SkBuff } from '../skb/sk_buff';
import { consumeSkb } from '../skb/free';
export function tcpV4Rcv(skb: SkBuff): void {
  consumeSkb(skb);
}
