/**
 * Interface identifiers that tell nothing of the hardware: RFC 7217, the same for a link and a prefix as long as the
 * secret is. Linux: net/ipv6/addrconf.c, ipv6_generate_stable_address: the PRF is one block of SHA-1 without padding,
 * so that the same secret gives the same address here and there.
 *
 *   block: secret (16) │ prefix (8) │ MAC, zero-padded (32) │ DAD_Counter (1) │ zeros (7)
 */
import { Ipv6Conf } from '../abi/sysctl';
import { Sysctl } from '../abi/sysctl';
import { NetDevice, conf6, devAddrPtr } from '../dev/net_device';
import { randomU64 } from '../lib/random';
import { Scratch, scratch } from '../lib/scratch';
import { sha1Block } from '../lib/sha1';
import { sysctl } from '../net/net';
import { inet6Dev } from './addr_hash';

export const ADDR_GEN_MODE_EUI64: i32 = 0;
export const ADDR_GEN_MODE_NONE: i32 = 1;
export const ADDR_GEN_MODE_STABLE_PRIVACY: i32 = 2;
export const ADDR_GEN_MODE_RANDOM: i32 = 3;

const BLOCK_BYTES: u32 = 64;

/**
 * RFC 5453: identifiers that no address may have: all zeros (subnet-router anycast), those of IANA's block
 * 0200:5eff:fe00:5213 and around, and fdff:ffff:ffff:ff80-ff (reserved anycast). `iid` points to its 8 bytes.
 */
export function ipv6ReservedIid(iid: usize): bool {
  const high = bswap<u32>(load<u32>(iid));
  const low = bswap<u32>(load<u32>(iid, 4));
  if ((high | low) === 0) return true;
  if (high === 0x02005eff && low >>> 24 === 0xfe) return true;
  return high === 0xfdffffff && low >= 0xffffff80;
}

/** Sets the secret of a device: net.ipv6.conf.DEV.stable_secret. Linux: the mode becomes stable privacy with it. */
export function ipv6SetStableSecret(dev: NetDevice, secret: usize): void {
  const idev = inet6Dev(dev);
  idev.secret0 = load<u64>(secret);
  idev.secret1 = load<u64>(secret, 8);
  idev.hasSecret = 1;
  store<i32>(dev.conf6 + (Ipv6Conf.ADDR_GEN_MODE << 2), ADDR_GEN_MODE_STABLE_PRIVACY);
}

/** Fills bytes 8-15 of `addr`, whose prefix is there. False: no secret, or too many reserved ones (idgen_retries). */
export function ipv6StableAddress(dev: NetDevice, addr: usize, dadCount: u32): bool {
  const idev = inet6Dev(dev);
  if (idev.hasSecret === 0) {
    if (conf6(dev, Ipv6Conf.ADDR_GEN_MODE) !== ADDR_GEN_MODE_RANDOM) return false;
    // A secret for as long as the device lives.
    idev.secret0 = randomU64();
    idev.secret1 = randomU64();
    idev.hasSecret = 1;
  }
  const block = scratch(Scratch.STABLE_BLOCK);
  const digest = scratch(Scratch.STABLE_ADDR);
  for (let tries = dadCount; tries <= <u32>sysctl(dev.net, Sysctl.IP6_IDGEN_RETRIES); tries++) {
    memory.fill(block, 0, BLOCK_BYTES);
    store<u64>(block, idev.secret0);
    store<u64>(block, idev.secret1, 8);
    store<u64>(block, load<u64>(addr), 16);
    memory.copy(block + 24, devAddrPtr(dev), 6);
    store<u8>(block, <u8>tries, 56);
    sha1Block(digest, block);
    // Linux stores the words of the digest as the machine has them, the lowest byte first.
    store<u64>(addr, load<u64>(digest), 8);
    if (!ipv6ReservedIid(addr + 8)) return true;
  }
  return false;
}
