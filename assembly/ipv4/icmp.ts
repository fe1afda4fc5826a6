import { SkBuff } from '../skb/sk_buff';
import { consumeSkb } from '../skb/free';
export function icmpSend(skb: SkBuff, type: u32, code: u32, info: u32): void {}
export function icmpRcv(skb: SkBuff): void {
  consumeSkb(skb);
}
