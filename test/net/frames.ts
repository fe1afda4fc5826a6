/** Frames as bytes for tests of devices: Ethernet, tags, ARP-less hosts. */
import { parseMac } from '../../src/config/ip_address.js';
import { be16, cat } from '../oracle/packet.js';

const mac = (text: string): Uint8Array => parseMac(text)!;

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** An 802.1Q tag, or 802.1ad with `proto`: its own ethertype and its TCI. */
export const tag = (vid: number, pcp = 0, proto = 0x8100, dei = 0): Uint8Array =>
  be16(proto, (pcp << 13) | (dei << 12) | vid);

/** An Ethernet frame; `tags` stand behind the addresses. */
export function frame(
  dst: string,
  src: string,
  type: number,
  payload: Uint8Array,
  ...tags: Uint8Array[]
): Uint8Array {
  return cat(mac(dst), mac(src), ...tags, be16(type), payload);
}
