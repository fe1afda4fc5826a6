/** Frames of listeners, queriers and senders of groups, for bridges that snoop: IGMP 1 to 3, MLD 1 and 2, PIM, data. */
import { parseMac } from '../../src/config/ip_address.js';
import {
  be16,
  cat,
  ETH_P_IP,
  ETH_P_IPV6,
  hopByHop,
  icmp6,
  ip4,
  ip6,
  ipBytes,
  multicastMac,
  option,
  type Part,
  raw,
  sum16,
  u8,
  udp,
} from '../oracle/packet.js';
import { mac } from './bridge_lab.js';

const IGMP = 2;
const PIM = 103;
const ROUTER_ALERT4 = u8(0x94, 4, 0, 0);
export const GROUP4 = '239.1.2.3';
export const GROUP6 = 'ff15::1:2:3';

/** Of station `n`, from its own address: fe80::<n> or 10.0.0.<n>. */
export const address4 = (n: number) => `10.0.0.${n}`;
export const address6 = (n: number) => `fe80::${n}`;

function toGroup(from: number, type: number, packet: Uint8Array): Uint8Array {
  const dst = type === ETH_P_IP ? packet.subarray(16, 20) : packet.subarray(24, 40);
  return cat(multicastMac(dst)!, parseMac(mac(from))!, be16(type), packet);
}

interface From4 {
  src?: string;
  /** A checksum that is wrong. */
  bad?: boolean;
}

function igmp(from: number, dst: string, message: Uint8Array, { src, bad }: From4): Uint8Array {
  const sum = ~sum16(message) & 0xffff;
  const bytes = message.slice();
  bytes.set([sum >> 8, (sum & 255) ^ (bad === true ? 1 : 0)], 2);
  const fields = { src: src ?? address4(from), dst, ttl: 1, options: ROUTER_ALERT4 };
  return toGroup(from, ETH_P_IP, ip4(fields, raw(IGMP, bytes)));
}

/** IGMPv1 or v2 (default) report, leave, query. */
export const report4 = (from: number, group = GROUP4, version = 2, more: From4 = {}) =>
  igmp(from, group, cat(u8(version === 1 ? 0x12 : 0x16, 0, 0, 0), ipBytes(group)), more);
export const leave4 = (from: number, group = GROUP4) =>
  igmp(from, '224.0.0.2', cat(u8(0x17, 0, 0, 0), ipBytes(group)), {});
/** `code`: tenths of a second to answer in. */
export const query4 = (from: number, group = '0.0.0.0', code = 1, more: From4 = {}) =>
  igmp(from, group === '0.0.0.0' ? '224.0.0.1' : group, cat(u8(0x11, code, 0, 0), ipBytes(group)), more);
/** IGMPv3 query, of sources too. */
export const query4v3 = (from: number, group = '0.0.0.0', sources: string[] = [], code = 1) =>
  igmp(
    from,
    group === '0.0.0.0' ? '224.0.0.1' : group,
    cat(u8(0x11, code, 0, 0), ipBytes(group), u8(2, 125), be16(sources.length), ...sources.map(ipBytes)),
    {},
  );

export const IS_IN = 1;
export const IS_EX = 2;
export const TO_IN = 3;
export const TO_EX = 4;
export const ALLOW = 5;
export const BLOCK = 6;
export type GroupRecord = [type: number, group: string, ...sources: string[]];

const records = (list: GroupRecord[]) =>
  list.map(([type, group, ...sources]) =>
    cat(u8(type, 0), be16(sources.length), ipBytes(group), ...sources.map(ipBytes)),
  );

export const report4v3 = (from: number, ...list: GroupRecord[]) =>
  igmp(from, '224.0.0.22', cat(u8(0x22, 0, 0, 0, 0, 0), be16(list.length), ...records(list)), {});

export const pimHello = (from: number) =>
  toGroup(
    from,
    ETH_P_IP,
    ip4({ src: address4(from), dst: '224.0.0.13', ttl: 1 }, raw(PIM, u8(0x20, 0, 0, 0))),
  );

/** UDP to a group. */
export const data4 = (from: number, group = GROUP4, src = address4(from)) =>
  toGroup(from, ETH_P_IP, ip4({ src, dst: group, ttl: 8 }, udp()));
export const data6 = (from: number, group = GROUP6, src = address6(from)) =>
  toGroup(from, ETH_P_IPV6, ip6({ src, dst: group, hops: 8 }, udp()));

function mld(from: number, dst: string, message: Part, src = address6(from)): Uint8Array {
  const alert = hopByHop(option(5, [0, 0]));
  return toGroup(from, ETH_P_IPV6, ip6({ src, dst, hops: 1 }, alert, message));
}

export const report6 = (from: number, group = GROUP6, sum?: 'bad') =>
  mld(from, group, icmp6(131, 0, u8(0, 0, 0, 0), ipBytes(group), sum));
export const leave6 = (from: number, group = GROUP6) =>
  mld(from, 'ff02::2', icmp6(132, 0, u8(0, 0, 0, 0), ipBytes(group)));
/** `delay`: ms to answer in. */
export const query6 = (from: number, group = '::', delay = 1, src = address6(from)) =>
  mld(
    from,
    group === '::' ? 'ff02::1' : group,
    icmp6(130, 0, cat(be16(delay), u8(0, 0)), ipBytes(group)),
    src,
  );
export const report6v2 = (from: number, ...list: GroupRecord[]) =>
  mld(from, 'ff02::16', icmp6(143, 0, cat(u8(0, 0), be16(list.length)), cat(...records(list))));
