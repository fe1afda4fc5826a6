/** macvlan devices. Linux: macvlan_common_newlink, macvlan_changelink (drivers/net/macvlan.c). */
import {
  MACADDR_ADD,
  MACADDR_DEL,
  MACADDR_FLUSH,
  MACADDR_SET,
  MACVLAN_FLAG_NODST,
  MACVLAN_FLAG_NOPROMISC,
  MACVLAN_MACADDRS_MAX,
  MACVLAN_MODE_BRIDGE,
  MACVLAN_MODE_PASSTHRU,
  MACVLAN_MODE_PRIVATE,
  MACVLAN_MODE_SOURCE,
  MACVLAN_MODE_VEPA,
  MacvlanData,
} from '../abi/link_data';
import { LinkRec } from '../abi/request';
import { macvlanCreate } from '../dev/macvlan';
import {
  MacvlanDev,
  macvlanAddSource,
  macvlanDelSource,
  macvlanDev,
  macvlanFlushSources,
  macvlanPort,
  macvlanPortGet,
  macvlanPortPut,
  macvlanSetMode,
} from '../dev/macvlan_port';
import {
  ARPHRD_ETHER,
  DevKind,
  IFF_LOOPBACK,
  IFF_UP,
  NET_ADDR_STOLEN,
  NetDevice,
  devGetByIndex,
} from '../dev/net_device';
import { devSetPromiscuity, netdevLowerDevLink } from '../dev/upper';
import { Errno } from '../net/errno';
import { Net } from '../net/net';
import { MAC_MASK, checkMac, configure, configureRandom } from './link_conf';
import { linkRegister } from './link_register';

const FLAGS_KNOWN: u32 = MACVLAN_FLAG_NOPROMISC | MACVLAN_FLAG_NODST;

function modeOk(mode: u32): bool {
  switch (mode) {
    case MACVLAN_MODE_PRIVATE:
    case MACVLAN_MODE_VEPA:
    case MACVLAN_MODE_BRIDGE:
    case MACVLAN_MODE_PASSTHRU:
    case MACVLAN_MODE_SOURCE:
      return true;
    default:
      return false;
  }
}

export function macvlanNew(net: Net, body: usize): i32 {
  const data = body + LinkRec.DATA;
  const found = devGetByIndex(net, load<i32>(body, LinkRec.LINK));
  if (found === null) return -Errno.ENODEV;
  // A macvlan on a macvlan is one on the same lower device.
  const lower = found.kind === DevKind.MACVLAN ? changetype<NetDevice>(found.lower) : found;
  const asked = load<u32>(data, MacvlanData.MODE);
  const mode = asked === 0 ? MACVLAN_MODE_VEPA : asked;
  if (!modeOk(mode)) return -Errno.EINVAL;
  if (lower.type !== ARPHRD_ETHER || (lower.flags & IFF_LOOPBACK) !== 0) return -Errno.EINVAL;
  let err = macvlanPortGet(lower);
  if (err !== 0) return err;
  const port = macvlanPort(lower);
  const passthru = mode === MACVLAN_MODE_PASSTHRU;
  const dev = macvlanCreate(net, lower);
  if (port.passthru !== 0 || (passthru && port.count !== 1)) err = -Errno.EINVAL;
  else if (dev === null || dev.priv === 0) err = -Errno.ENOMEM;
  if (err === 0 && dev !== null) {
    if (passthru) {
      dev.addrAssignType = NET_ADDR_STOLEN;
      err = configure(dev, body + LinkRec.NAME, lower.addr, body);
    } else {
      err = configureRandom(dev, body);
    }
    if (err === 0 && dev.mtu > lower.mtu) err = -Errno.EINVAL;
    if (err === 0) err = netdevLowerDevLink(dev, lower);
  }
  // From here on its uninit gives the port back.
  if (err !== 0) macvlanPortPut(lower);
  if (dev === null) return err;
  if (err === 0) {
    macvlanSetMode(dev, mode);
    if (passthru) port.passthru = changetype<usize>(dev);
    err = options(dev, data);
  }
  return linkRegister(dev, err, body);
}

/** Mode, flags and sources of an old device. */
export function macvlanChange(dev: NetDevice, data: usize): i32 {
  const vlan: MacvlanDev = macvlanDev(dev);
  const mode = load<u32>(data, MacvlanData.MODE);
  if (mode !== 0) {
    if (!modeOk(mode)) return -Errno.EINVAL;
    // Passthru cannot be entered or left.
    if ((mode === MACVLAN_MODE_PASSTHRU) !== (vlan.mode === MACVLAN_MODE_PASSTHRU)) return -Errno.EINVAL;
    if (vlan.mode === MACVLAN_MODE_SOURCE && mode !== MACVLAN_MODE_SOURCE) macvlanFlushSources(vlan);
    macvlanSetMode(dev, mode);
  }
  return options(dev, data);
}

function options(dev: NetDevice, data: usize): i32 {
  const vlan: MacvlanDev = macvlanDev(dev);
  const mask: u32 = load<u16>(data, MacvlanData.FLAGS_MASK);
  const flags: u32 = load<u16>(data, MacvlanData.FLAGS);
  if ((mask & ~FLAGS_KNOWN) !== 0) return -Errno.EINVAL;
  const err = sources(vlan, data);
  if (err !== 0) return err;
  const now = (vlan.flags & ~mask) | (flags & mask);
  const promisc = ((now ^ vlan.flags) & MACVLAN_FLAG_NOPROMISC) !== 0;
  if (promisc && vlan.mode === MACVLAN_MODE_PASSTHRU && (dev.flags & IFF_UP) !== 0)
    devSetPromiscuity(changetype<NetDevice>(dev.lower), (now & MACVLAN_FLAG_NOPROMISC) !== 0 ? -1 : 1);
  vlan.flags = now;
  return 0;
}

/** Linux: macvlan_changelink_sources. */
function sources(vlan: MacvlanDev, data: usize): i32 {
  const what: u32 = load<u16>(data, MacvlanData.MACADDR_MODE);
  const count: u32 = load<u16>(data, MacvlanData.MACADDR_COUNT);
  if (what === 0) return 0;
  if (vlan.mode !== MACVLAN_MODE_SOURCE || what > MACADDR_SET || count > MACVLAN_MACADDRS_MAX)
    return -Errno.EINVAL;
  if (what === MACADDR_FLUSH || what === MACADDR_SET) macvlanFlushSources(vlan);
  for (let i: u32 = 0; i < count; i++) {
    const at = data + MacvlanData.MACADDRS + i * 6;
    const mac = (<u64>load<u32>(at) | ((<u64>load<u16>(at, 4)) << 32)) & MAC_MASK;
    if (!checkMac(mac)) return -Errno.EADDRNOTAVAIL;
    if (what === MACADDR_DEL) macvlanDelSource(vlan, mac);
    else if (what === MACADDR_ADD || what === MACADDR_SET) {
      const err = macvlanAddSource(vlan, mac);
      if (err !== 0) return err;
    }
  }
  return 0;
}

export function macvlanFill(dev: NetDevice, data: usize): void {
  const vlan: MacvlanDev = macvlanDev(dev);
  store<u32>(data, vlan.mode, MacvlanData.MODE);
  store<u16>(data, <u16>vlan.flags, MacvlanData.FLAGS);
  store<u16>(data, <u16>FLAGS_KNOWN, MacvlanData.FLAGS_MASK);
  store<u16>(data, <u16>vlan.macCount, MacvlanData.MACADDR_COUNT);
  const shown = min(vlan.macCount, MACVLAN_MACADDRS_MAX);
  for (let i: u32 = 0; i < shown; i++) {
    const at = data + MacvlanData.MACADDRS + i * 6;
    memory.copy(at, vlan.macs + (i << 3), 6);
  }
}
