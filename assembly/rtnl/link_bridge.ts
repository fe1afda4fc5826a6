/** Bridges. Linux: br_dev_newlink (net/bridge/br_netlink.c); what they have of their own is set by BRIDGE_SET. */
import { LinkRec } from '../abi/request';
import { brDevCreate } from '../bridge/br_device';
import { brRegistered } from '../bridge/br_if';
import { Bridge } from '../bridge/br_private';
import { NET_ADDR_SET } from '../dev/net_device';
import { Errno } from '../net/errno';
import { Net } from '../net/net';
import { MAC_MASK, configure, randomMac } from './link_conf';
import { linkRegister } from './link_register';

export function bridgeNew(net: Net, body: usize): i32 {
  const asked = load<u64>(body, LinkRec.MAC) & MAC_MASK;
  const mac = asked === 0 ? randomMac() : asked;
  const dev = brDevCreate(net, mac);
  if (dev === null) return -Errno.ENOMEM;
  let err = dev.priv === 0 ? -Errno.ENOMEM : 0;
  if (err === 0) err = configure(dev, body + LinkRec.NAME, mac, body);
  if (err === 0) {
    const br = changetype<Bridge>(dev.priv);
    br.mtuSet = <u8>(load<u32>(body, LinkRec.MTU) !== 0);
    br.addrSet = <u8>(asked !== 0);
    if (asked !== 0) dev.addrAssignType = NET_ADDR_SET;
  }
  err = linkRegister(dev, err, body);
  if (err === 0) brRegistered(changetype<Bridge>(dev.priv));
  return err;
}
