/** From the words of the command line, or of one stream in a YAML file, to a stream of the generator. */
import { NetError } from '../net_error.js';
import type { StreamMode, StreamSpec } from '../net/pktgen.js';
import {
  leastWireBytes,
  parseAddressRange,
  parseMacRange,
  parseNumber,
  parsePattern,
  parsePortRange,
  parseProto,
  parseRate,
  parseSizes,
  parseVlan,
} from './pktgen_options.js';

/** What can be said of a stream; all as text, as it was typed. */
export interface StreamWords {
  readonly rate?: string;
  readonly size?: string;
  readonly flows?: string;
  readonly proto?: string;
  readonly src?: string;
  readonly dst?: string;
  readonly sport?: string;
  readonly dport?: string;
  readonly srcMac?: string;
  readonly dstMac?: string;
  readonly vlan?: readonly string[];
  readonly tos?: string;
  readonly dscp?: string;
  readonly ttl?: string;
  readonly df?: boolean;
  readonly ethertype?: string;
  readonly pattern?: string;
  readonly random?: boolean;
  readonly seed?: string;
  readonly count?: string;
  readonly delay?: string;
  readonly burst?: string;
  readonly mode?: string;
  readonly ipv6?: boolean;
}

/** The names of StreamWords, for who reads them from a file. */
export const STREAM_WORDS: readonly (keyof StreamWords)[] = [
  'rate',
  'size',
  'flows',
  'proto',
  'src',
  'dst',
  'sport',
  'dport',
  'srcMac',
  'dstMac',
  'vlan',
  'tos',
  'dscp',
  'ttl',
  'df',
  'ethertype',
  'pattern',
  'random',
  'seed',
  'count',
  'delay',
  'burst',
  'mode',
  'ipv6',
];

/** A stream without the id, and without the MACs that were not said. */
export type StreamPlan = Omit<StreamSpec, 'id' | 'srcMac' | 'dstMac'> & {
  readonly srcMac?: string;
  readonly dstMac?: string;
};

/** RFC 2544 §C.2.2 and RFC 5180 §8 set these networks aside for benchmarks. */
const BENCHMARK = {
  4: { src: '198.18.0.2', dst: '198.19.0.2' },
  6: { src: '2001:2::2', dst: '2001:2:0:1::2' },
} as const;
export const DEFAULT_DST_MAC = '02:00:00:00:00:02';
const FIRST_SPORT = 1024;
const SPORTS_MAX = 65536 - FIRST_SPORT;
const MODES: readonly string[] = ['start_xmit', 'queue_xmit', 'ip_output', 'netif_receive'];
const MAX_U32 = 2 ** 32 - 1;

export function planStream(words: StreamWords): StreamPlan {
  const { proto, tcpFlags } = parseProto(words.proto ?? 'udp');
  const vlans = (words.vlan ?? []).map(parseVlan);
  if (vlans.length > 2)
    throw new NetError('EINVAL', `${vlans.length} tags: two at most, the outer one first`);
  const v6 = words.ipv6 === true || [words.src, words.dst].some((text) => text?.includes(':') === true);
  const usual = BENCHMARK[v6 ? 6 : 4];
  const src = parseAddressRange(words.src ?? usual.src);
  const dst = parseAddressRange(words.dst ?? usual.dst);
  if (proto !== 'ether' && src.first.includes(':') !== dst.first.includes(':'))
    throw new NetError('EINVAL', `source ${src.first} and destination ${dst.first} are not of one family`);
  const flows = words.flows === undefined ? undefined : parseNumber(words.flows, 'flows', 1, MAX_U32);
  const sport = words.sport === undefined ? undefined : parsePortRange(words.sport);
  const dport = parsePortRange(words.dport ?? '9');
  // Flows that nothing was said about differ in their source port, then in their source address.
  const varies = src.count * dst.count * dport.count * (sport?.count ?? 1) > 1;
  const sports = sport?.count ?? (varies ? 1 : Math.min(flows ?? 1, SPORTS_MAX));
  const srcCount = varies ? src.count : Math.max(1, Math.ceil((flows ?? 1) / sports));
  const srcMac = words.srcMac === undefined ? undefined : parseMacRange(words.srcMac);
  const dstMac = words.dstMac === undefined ? undefined : parseMacRange(words.dstMac);
  const mode = words.mode ?? 'start_xmit';
  if (!MODES.includes(mode))
    throw new NetError('EINVAL', `mode '${mode}': ${MODES.join(', ')} would be right`);
  if (words.tos !== undefined && words.dscp !== undefined)
    throw new NetError('EINVAL', 'tos and dscp are the same byte: one of them');
  const dscp = parseNumber(words.dscp ?? '0', 'dscp', 0, 63) * 4;
  const tos = words.tos === undefined ? dscp : parseNumber(words.tos, 'tos', 0, 255);
  const what = `${proto === 'ether' ? 'a raw frame' : `${proto} over IPv${v6 ? 6 : 4}`}${vlans.length > 0 ? ` with ${vlans.length} tag${vlans.length > 1 ? 's' : ''}` : ''}`;
  return {
    proto,
    mode: mode as StreamMode,
    ...(tcpFlags !== undefined && { tcpFlags }),
    ...(proto !== 'ether' && { src: src.first, dst: dst.first, srcCount, dstCount: dst.count }),
    sport: sport?.first ?? FIRST_SPORT,
    sportCount: sports,
    dport: dport.first,
    dportCount: dport.count,
    ...(flows !== undefined && { flows }),
    flowsAtRandom: words.random === true,
    sizesAtRandom: words.random === true,
    ...(srcMac !== undefined && { srcMac: srcMac.first, srcMacCount: srcMac.count }),
    ...(dstMac !== undefined && { dstMac: dstMac.first, dstMacCount: dstMac.count }),
    vlans,
    tos,
    ttl: parseNumber(words.ttl ?? '64', 'ttl', 1, 255),
    dontFragment: words.df === true,
    ...(words.ethertype !== undefined && {
      ethertype: parseNumber(words.ethertype, 'ethertype', 0x600, 0xffff),
    }),
    sizes: parseSizes(words.size ?? '64', leastWireBytes(proto, v6, vlans.length), what),
    pattern: parsePattern(words.pattern ?? 'counting'),
    rate: parseRate(words.rate ?? '1000pps'),
    ...(words.count !== undefined && {
      count: parseNumber(words.count, 'count', 1, Number.MAX_SAFE_INTEGER),
    }),
    ...(words.delay !== undefined && { delayNs: parseNumber(words.delay, 'delay', 0, 3_600_000) * 1e6 }),
    ...(words.burst !== undefined && { burst: parseNumber(words.burst, 'burst', 1, 1_000_000) }),
    seed: parseNumber(words.seed ?? '1', 'seed', 1, MAX_U32),
  };
}

/** The same stream the other way. */
export function reversed(plan: StreamPlan): StreamPlan {
  const { src, dst, srcCount = 1, dstCount = 1, sport = 9, dport = 9, sportCount = 1, dportCount = 1 } = plan;
  const { srcMac: _src, dstMac: _dst, ...rest } = plan;
  return {
    ...rest,
    ...(src !== undefined &&
      dst !== undefined && { src: dst, dst: src, srcCount: dstCount, dstCount: srcCount }),
    sport: dport,
    dport: sport,
    sportCount: dportCount,
    dportCount: sportCount,
  };
}
