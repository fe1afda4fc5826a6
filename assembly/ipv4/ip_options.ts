import { NetDevice } from '../dev/net_device';
import { Net } from '../net/net';
import { SkBuff } from '../skb/sk_buff';
/** false: PARAMPROB was sent, the caller drops. */
export function ipOptionsCompile(net: Net, skb: SkBuff): bool {
  return true;
}
export function ipOptionsForward(skb: SkBuff): void {}
/** false: the caller drops. */
export function ipOptionsRcvSrr(skb: SkBuff, dev: NetDevice): bool {
  return true;
}
export function ipFragMaxSize(skb: SkBuff): u32 {
  return 0;
}
export function ipOptionsIsStrictRoute(skb: SkBuff): bool {
  return false;
}
