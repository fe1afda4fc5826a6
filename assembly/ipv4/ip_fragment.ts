import { Net } from '../net/net';
import { SkBuff } from '../skb/sk_buff';
import { consumeSkb } from '../skb/free';
export const IP_DEFRAG_LOCAL_DELIVER: u32 = 0;
export function ipDefrag(net: Net, skb: SkBuff, user: u32): SkBuff | null {
  consumeSkb(skb);
  return null;
}
export function ipFragNetInit(net: Net): i32 {
  return 0;
}
export function ipFragNetExit(net: Net): void {}
/** op TIMER_FRAG4 */
export function ipExpire(queue: usize): void {}
