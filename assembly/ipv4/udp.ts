import { SkBuff } from '../skb/sk_buff';
import { consumeSkb } from '../skb/free';
export function udpRcv(skb: SkBuff): void {
  consumeSkb(skb);
}
