/** VRFs. Linux: vrf_newlink and vrf_add_fib_rules (drivers/net/vrf.c). */
import { VrfData } from '../abi/link_data';
import { LinkRec } from '../abi/request';
import { Sysctl } from '../abi/sysctl';
import { l3mdevFibTable } from '../dev/l3mdev';
import { NetDevice } from '../dev/net_device';
import { VRF_MTU_MIN, vrfCreate, vrfTableTaken } from '../dev/vrf';
import { Scratch, scratch } from '../lib/scratch';
import { Errno } from '../net/errno';
import { AF_INET, AF_INET6, Net, sysctl } from '../net/net';
import { RTPROT_KERNEL } from '../route/fib';
import { fibRuleAdd, fibRuleBlank } from '../route/fib_rules';
import { configureRandom } from './link_conf';
import { linkRegister } from './link_register';

/** Priority of the rules that lead to the tables of VRFs. */
const L3MDEV_RULE_PREF: u32 = 1000;

export function vrfNew(net: Net, body: usize): i32 {
  const table = load<u32>(body + LinkRec.DATA, VrfData.TABLE);
  if (table === 0) return -Errno.EINVAL;
  if (sysctl(net, Sysctl.VRF_STRICT_MODE) !== 0 && vrfTableTaken(net, table)) return -Errno.EBUSY;
  const mtu = load<u32>(body, LinkRec.MTU);
  if (mtu !== 0 && mtu < VRF_MTU_MIN) return -Errno.EINVAL;
  const dev = vrfCreate(net, table);
  if (dev === null) return -Errno.ENOMEM;
  const err = linkRegister(dev, dev.priv === 0 ? -Errno.ENOMEM : configureRandom(dev, body), body);
  if (err !== 0 || net.vrfRules !== 0) return err;
  // Once in the life of a namespace: who takes them away must add them again.
  net.vrfRules = 1;
  addRule(net, AF_INET);
  addRule(net, AF_INET6);
  return 0;
}

/** `ip rule add l3mdev pref 1000`, unless it is there already. */
function addRule(net: Net, family: u32): void {
  const rule = fibRuleBlank(scratch(Scratch.RTNL_RULE));
  rule.l3mdev = 1;
  rule.pref = L3MDEV_RULE_PREF;
  rule.protocol = RTPROT_KERNEL;
  fibRuleAdd(net, family, rule, true);
}

/** Of a VRF and, the same, of a port of one. */
export function vrfFill(dev: NetDevice, data: usize): void {
  store<u32>(data, l3mdevFibTable(dev), VrfData.TABLE);
}
