/** VLAN devices. Linux: net/8021q/vlan_netlink.c. */
import { VlanData } from '../abi/link_data';
import { LinkRec } from '../abi/request';
import {
  ARPHRD_ETHER,
  IFF_UP,
  NET_ADDR_SET,
  NetDevice,
  devGetByIndex,
  devSetCarrier,
} from '../dev/net_device';
import { netdevLowerDevLink } from '../dev/upper';
import { vlanCreate } from '../dev/vlan';
import {
  VLAN_EGRESS_MAX,
  VLAN_FLAG_LOOSE_BINDING,
  VLAN_FLAG_REORDER_HDR,
  VlanDev,
  vlanDev,
  vlanEgressSlot,
  vlanFindDev,
  vlanGroupSet,
  vlanIngressSlot,
} from '../dev/vlan_core';
import { Errno } from '../net/errno';
import { Net } from '../net/net';
import { ETH_P_8021AD, ETH_P_8021Q } from '../wire/ethernet';
import { VLAN_PRIO_SHIFT } from '../wire/vlan';
import { MAC_MASK, configure } from './link_conf';
import { linkRegister } from './link_register';

const VLAN_N_VID_MAX: u32 = 4094;
const FLAGS_KNOWN: u32 = VLAN_FLAG_REORDER_HDR | VLAN_FLAG_LOOSE_BINDING;

export function vlanNew(net: Net, body: usize): i32 {
  const data = body + LinkRec.DATA;
  const lower = devGetByIndex(net, load<i32>(body, LinkRec.LINK));
  if (lower === null) return -Errno.ENODEV;
  const id: u32 = load<u16>(data, VlanData.ID);
  const asked: u32 = load<u16>(data, VlanData.PROTOCOL);
  const proto = asked === 0 ? ETH_P_8021Q : asked;
  if (proto !== ETH_P_8021Q && proto !== ETH_P_8021AD) return -Errno.EPROTONOSUPPORT;
  if (id > VLAN_N_VID_MAX) return -Errno.ERANGE;
  // Linux: NETIF_F_VLAN_CHALLENGED; lo is.
  if (lower.type !== ARPHRD_ETHER) return -Errno.EOPNOTSUPP;
  if (vlanFindDev(lower, proto, id) !== null) return -Errno.EEXIST;
  const dev = vlanCreate(net, lower, proto, id);
  if (dev === null) return -Errno.ENOMEM;
  let err = dev.priv === 0 ? -Errno.ENOMEM : 0;
  const mac = load<u64>(body, LinkRec.MAC) & MAC_MASK;
  if (mac !== 0) dev.addrAssignType = NET_ADDR_SET;
  if (err === 0) err = configure(dev, body + LinkRec.NAME, mac === 0 ? lower.addr : mac, body);
  if (err === 0 && dev.mtu > lower.mtu) err = -Errno.EINVAL;
  if (err === 0) err = vlanChange(dev, data);
  if (err === 0) err = netdevLowerDevLink(dev, lower);
  if (err === 0 && !vlanGroupSet(lower, proto, id, changetype<usize>(dev))) err = -Errno.ENOMEM;
  return linkRegister(dev, err, body);
}

/** Flags and QoS maps of a new device or an old one. Linux: vlan_changelink. */
export function vlanChange(dev: NetDevice, data: usize): i32 {
  const vlan: VlanDev = vlanDev(dev);
  const mask = load<u32>(data, VlanData.FLAGS_MASK);
  const flags = load<u32>(data, VlanData.FLAGS) & mask;
  // GVRP and MVRP would have to be spoken.
  if ((mask & ~FLAGS_KNOWN & flags) !== 0) return -Errno.EOPNOTSUPP;
  const count: u32 = load<u8>(data, VlanData.EGRESS_COUNT);
  if (count > VLAN_EGRESS_MAX) return -Errno.EINVAL;
  for (let i: u32 = 0; i < count; i++) {
    const priority = load<u32>(data + (i << 2), VlanData.EGRESS_PRIORITY);
    if (!setEgress(vlan, priority, <u32>load<u8>(data + i, VlanData.EGRESS_PCP) & 7)) return -Errno.ENOBUFS;
  }
  vlan.flags = (vlan.flags & ~mask) | flags;
  for (let pcp: u32 = 0; pcp < 8; pcp++) {
    if (((<u32>load<u8>(data, VlanData.INGRESS_MASK) >> pcp) & 1) === 0) continue;
    store<u32>(vlanIngressSlot(vlan, pcp), load<u32>(data + (pcp << 2), VlanData.INGRESS));
  }
  if (dev.lower !== 0 && (dev.flags & IFF_UP) !== 0)
    devSetCarrier(dev, changetype<NetDevice>(dev.lower).carrier !== 0);
  return 0;
}

/** Linux: vlan_dev_set_egress_priority. False when the map is full. */
function setEgress(vlan: VlanDev, priority: u32, pcp: u32): bool {
  let i: u32 = 0;
  while (i < vlan.nrEgress && load<u32>(vlanEgressSlot(vlan, i)) !== priority) i++;
  if (i === vlan.nrEgress) {
    if (pcp === 0) return true;
    if (i === VLAN_EGRESS_MAX) return false;
    vlan.nrEgress++;
  }
  const slot = vlanEgressSlot(vlan, i);
  store<u32>(slot, priority);
  store<u32>(slot, pcp << VLAN_PRIO_SHIFT, 4);
  if (pcp !== 0) return true;
  const last = vlanEgressSlot(vlan, --vlan.nrEgress);
  store<u64>(slot, load<u64>(last));
  return true;
}

export function vlanFill(dev: NetDevice, data: usize): void {
  const vlan: VlanDev = vlanDev(dev);
  store<u16>(data, vlan.vlanId, VlanData.ID);
  store<u16>(data, vlan.vlanProto, VlanData.PROTOCOL);
  store<u32>(data, vlan.flags, VlanData.FLAGS);
  store<u32>(data, FLAGS_KNOWN, VlanData.FLAGS_MASK);
  for (let pcp: u32 = 0; pcp < 8; pcp++)
    store<u32>(data + (pcp << 2), load<u32>(vlanIngressSlot(vlan, pcp)), VlanData.INGRESS);
  store<u8>(data, 0xff, VlanData.INGRESS_MASK);
  store<u8>(data, <u8>vlan.nrEgress, VlanData.EGRESS_COUNT);
  for (let i: u32 = 0; i < vlan.nrEgress; i++) {
    const pair = vlanEgressSlot(vlan, i);
    store<u32>(data + (i << 2), load<u32>(pair), VlanData.EGRESS_PRIORITY);
    store<u8>(data + i, <u8>(load<u32>(pair, 4) >> VLAN_PRIO_SHIFT), VlanData.EGRESS_PCP);
  }
}
