/** What the kinds of links share: name, MAC and MTU of a new device, checked. */
import { LinkRec } from '../abi/request';
import {
  IFNAMSIZ,
  NET_ADDR_RANDOM,
  NET_ADDR_SET,
  NetDevice,
  devGetByName,
  devNamePtr,
} from '../dev/net_device';
import { randomU64 } from '../lib/random';
import { Errno } from '../net/errno';
import { Net } from '../net/net';

export const MAC_MASK: u64 = 0xffffffffffff;
const GROUP_BIT: u64 = 1;
const LOCAL_BIT: u64 = 2;
/** RFC 791: every host accepts 68 bytes; 65535 is the longest datagram (lo has one more). */
export const MTU_MIN: u32 = 68;
export const MTU_MAX: u32 = 65535;

export function checkName(net: Net, name: usize): i32 {
  if (load<u8>(name) === 0 || load<u8>(name, IFNAMSIZ - 1) !== 0) return -Errno.EINVAL;
  return devGetByName(net, name) === null ? 0 : -Errno.EEXIST;
}

export function checkMac(mac: u64): bool {
  return mac !== 0 && (mac & GROUP_BIT) === 0;
}

/** Linux: eth_random_addr. */
export function randomMac(): u64 {
  return (randomU64() & MAC_MASK & ~GROUP_BIT) | LOCAL_BIT;
}

/** Name, MAC, MTU and queue length of a new device, checked. */
export function configure(dev: NetDevice, name: usize, mac: u64, body: usize): i32 {
  const err = checkName(dev.net, name);
  if (err !== 0) return err;
  if (!checkMac(mac)) return -Errno.EADDRNOTAVAIL;
  const mtu = load<u32>(body, LinkRec.MTU);
  if (mtu !== 0 && (mtu < MTU_MIN || mtu > MTU_MAX)) return -Errno.EINVAL;
  memory.copy(devNamePtr(dev), name, IFNAMSIZ);
  dev.addr = mac;
  if (mtu !== 0) dev.mtu = mtu;
  const txqlen = load<u32>(body, LinkRec.TXQLEN);
  if (txqlen !== 0) dev.txQueueLen = txqlen;
  return 0;
}

/** As configure, for a device that may do without a MAC of the user: it gets a random one. */
export function configureRandom(dev: NetDevice, body: usize): i32 {
  const asked = load<u64>(body, LinkRec.MAC) & MAC_MASK;
  dev.addrAssignType = asked === 0 ? NET_ADDR_RANDOM : NET_ADDR_SET;
  return configure(dev, body + LinkRec.NAME, asked === 0 ? randomMac() : asked, body);
}
