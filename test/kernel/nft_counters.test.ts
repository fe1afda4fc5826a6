/**
 * What rules match, against the kernel: the same packets are sent on lo of a kernel namespace and of one of ours, under
 * the same ruleset; every rule counts the same packets and bytes (its dump is the same), in the output chain and again in
 * prerouting, whose policy drops, so that nothing answers.
 */
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NftMsg } from '../../assembly/abi/nf_tables.js';
import { joinMessages, type NlMsg } from '../../src/netlink/nlmsg.js';
import { createStack, type Stack } from '../../src/stack.js';
import {
  destOptions,
  echo,
  echo6,
  fragment6,
  hopByHop,
  ip4,
  ip6,
  option,
  type Part,
  pattern,
  raw,
  tcp,
  u8,
  udp,
} from '../oracle/packet.js';
import { Random } from '../random.js';
import { NativeSocket } from './native_socket.js';
import { enterOwnNetns, type OwnNetns } from './netns.js';
import { kernelDump, nftLoad } from './nft_messages.js';

const SUBSYS_NFT = 10 << 8;
const PACKETS = 150;
const IPPROTO_RAW = 255;
const FAMILY = { 4: 2, 6: 10 } as const;

/** Every line counts what it matches; `$` stands for each in turn of output and prerouting. */
const MATCHES: readonly { name: string; lines: readonly string[]; sets?: string }[] = [
  {
    name: 'transport headers',
    lines: [
      'tcp dport 22',
      'tcp dport 20-25',
      'tcp dport != 80',
      'udp sport 1000-40000',
      'tcp flags syn',
      'tcp flags & (syn|ack) == syn',
      'tcp window > 1000',
      'udp length 26-100',
      'th dport 53',
      'icmp type echo-request',
      'icmpv6 type echo-request',
      '@th,0,16 22',
      '@th,13,3 2',
      'tcp sequence 0-1000000000',
    ],
  },
  {
    name: 'network headers',
    lines: [
      'ip saddr 127.0.0.0/8',
      'ip daddr 127.0.0.1',
      'ip ttl < 64',
      'ip ttl 10-100',
      'ip length 20-60',
      'ip id 1-30000',
      'ip dscp cs1',
      'ip protocol tcp',
      'ip frag-off & 0x1fff != 0',
      'ip6 saddr ::1',
      'ip6 hoplimit > 10',
      'ip6 flowlabel 5',
      'ip6 nexthdr 6',
      'ip6 dscp != cs0',
      '@nh,64,8 64',
    ],
  },
  {
    name: 'meta',
    lines: [
      'meta l4proto tcp',
      'meta l4proto { udp, icmp }',
      'meta nfproto ipv6',
      'meta length 40-100',
      'oifname "lo"',
      'iifname "lo"',
      'oif lo',
      'meta protocol ip',
      'meta mark 0',
      'meta pkttype host',
      'oiftype loopback',
      'meta priority 0',
      'iifgroup 0',
      'oifname "l*"',
    ],
  },
  {
    name: 'sets',
    sets: `set p { type inet_service; elements = { 22, 80, 443 }
      }
      set r { type inet_service; flags interval; elements = { 0-10, 20-30, 1000-2000, 60000-65535 }
      }
      set a { type ipv4_addr; flags interval; elements = { 127.0.0.0/24, 127.1.0.5-127.1.0.9 }
      }
      set c { type ipv4_addr . inet_service; elements = { 127.0.0.1 . 22, 127.0.0.2 . 53 }
      }
      set k { type ipv4_addr . inet_service; flags interval; elements = { 127.0.0.0/8 . 20-30, 127.0.0.1-127.0.0.5 . 1000-5000 }
      }
      map m { type inet_service : mark; elements = { 22 : 1, 53 : 2, 80 : 3 }
      }
      map v { type inet_service : verdict; flags interval; elements = { 0-1000 : jump one, 1001-30000 : jump two }
      }`,
    lines: [
      'tcp dport @p',
      'udp dport @r',
      'tcp dport @r',
      'ip saddr @a',
      'ip saddr . tcp dport @c',
      'ip saddr . th dport @k',
      'tcp dport { 1-100, 8080 }',
      'ip daddr != { 127.0.0.1, 127.0.0.3 }',
      'meta mark set tcp dport map @m',
      'meta mark 1-3',
      'th dport vmap @v',
      'meta l4proto . th dport { tcp . 22, udp . 53 }',
    ],
  },
  {
    name: 'options and extension headers',
    lines: [
      'exthdr hbh exists',
      'exthdr dst exists',
      'exthdr frag missing',
      'dst nexthdr 17',
      'hbh hdrlength 0',
      'frag id 0-4000000000',
      'tcp option maxseg size 1000-1460',
      'tcp option window exists',
      'tcp option window count 7',
      'tcp option maxseg exists',
      'tcp option sack-perm exists',
    ],
  },
  {
    name: 'arithmetic',
    lines: [
      'meta mark set meta mark or 0x10',
      'meta mark and 0xf0 == 0x10',
      'meta mark > 50',
      'meta mark set meta length',
      'meta mark set meta mark xor 0x3',
      'meta mark set jhash ip saddr . ip daddr mod 16 seed 0xabcd',
      'meta mark < 8',
      'meta mark set numgen inc mod 3',
      'meta mark 1',
      'quota 3000 bytes',
      'quota over 3000 bytes',
      'ip saddr 127.0.0.1 quota 500 bytes',
    ],
  },
  {
    name: 'routes and addresses',
    lines: [
      'fib daddr type local',
      'fib saddr type local',
      'fib saddr type unicast',
      'fib daddr type { broadcast, multicast }',
    ],
  },
  {
    name: 'payload that is changed',
    lines: [
      'ip ttl set 77',
      'ip ttl 77',
      'ip dscp set cs2',
      'ip dscp cs2',
      'tcp dport set 99',
      'tcp dport 99',
      'udp dport set 98',
      'udp dport 98',
      'ip6 hoplimit set 7',
      'ip6 hoplimit 7',
      'ip saddr set 127.0.0.9',
      'ip saddr 127.0.0.9',
      'tcp checksum 0-30000',
      'udp checksum 0-30000',
      'ip checksum 0-30000',
      'tcp option maxseg size set 600',
      'tcp option maxseg size 600',
      'tcp checksum 0-20000',
    ],
  },
];

function rules(lines: readonly string[]): string {
  return lines
    .map((line) => {
      // A statement counts where it stands; a condition in front of its counter.
      return /vmap/.test(line) ? `counter ${line}` : `${line} counter`;
    })
    .join('\n');
}

function ruleset({ lines, sets }: (typeof MATCHES)[number]): string {
  return `table inet t {
    ${sets ?? ''}
    chain one { counter
      return
    }
    chain two { tcp dport 22 counter
      counter
    }
    chain out { type filter hook output priority raw;
      ${rules(lines)}
    }
    chain pre { type filter hook prerouting priority raw; policy drop;
      ${rules(lines)}
    }
  }`;
}

const OPTIONS = u8(2, 4, 5, 180, 1, 3, 3, 7);

function packet(random: Random): { family: 4 | 6; bytes: Uint8Array } {
  const sport = 1 + random.below(65535);
  const dport = random.pick([22, 53, 80, 443, 8080, 1500, random.below(65536)]);
  const payload = pattern(random.below(60));
  const part: Part = random.pick([
    () =>
      tcp(
        {
          sport,
          dport,
          flags: random.pick([2, 16, 18, 4]),
          window: random.below(65536),
          seq: random.below(2 ** 31),
        },
        payload,
      ),
    () => tcp({ sport, dport, flags: 2, options: OPTIONS }, payload),
    () => udp({ sport, dport }, payload),
    () => raw(random.pick([47, 132, 200]), pattern(8 + random.below(40))),
  ])();
  if (random.below(3) > 0) {
    const body = random.below(6) === 0 ? echo(payload) : part;
    const src = random.pick(['127.0.0.1', '127.0.0.2', '127.1.0.7']);
    const dst = random.pick(['127.0.0.1', '127.0.0.3']);
    return {
      family: 4,
      bytes: ip4(
        { src, dst, id: 1 + random.below(65535), ttl: 2 + random.below(254), tos: random.pick([0, 32, 64]) },
        body,
      ),
    };
  }
  const body = random.below(6) === 0 ? echo6(payload) : part;
  const front = random.pick([
    () => [],
    () => [],
    () => [hopByHop(option(1, [0, 0]))],
    () => [destOptions(option(1, [0, 0]))],
    () => [fragment6(0, true, random.below(2 ** 32))],
  ])();
  return { family: 6, bytes: ip6({ src: '::1', dst: '::1', hops: 2 + random.below(254) }, ...front, body) };
}

let netns: OwnNetns;
let stack: Stack;
beforeEach(async () => {
  netns = enterOwnNetns();
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  stack = await createStack({ clock: 'virtual' });
});
afterEach(async () => {
  netns.leave();
  await stack.close();
});

const text = (messages: readonly NlMsg[]) =>
  messages.map(({ bytes }) => Buffer.from(bytes.subarray(20)).toString('hex'));

describe('every rule counts what it counts in the kernel', () => {
  test.each(MATCHES)('$name', async (match) => {
    const run = nftLoad(ruleset(match));
    expect(run.status, run.stderr).toBe(0);
    const ns = await stack.namespace('n');
    expect((await ns.nfnl.batch(joinMessages(run.batch))).filter((ack) => ack.error !== 0)).toEqual([]);
    const sockets = { 4: new NativeSocket(4, IPPROTO_RAW), 6: new NativeSocket(6, IPPROTO_RAW) };
    const random = new Random(42);
    let sent = '';
    try {
      for (let i = 0; i < PACKETS; i++) {
        const { family, bytes } = packet(random);
        sockets[family].connect(family === 4 ? bytes.subarray(16, 20).join('.') : '::1', 0);
        sockets[family].send(bytes);
        await ns.send(FAMILY[family], bytes);
        stack.run(1);
        const theirs = text(kernelDump(NftMsg.GETRULE, 0));
        const ours = text(await ns.nfnl.dump(SUBSYS_NFT | NftMsg.GETRULE, 0));
        const at = theirs.findIndex((rule, n) => rule !== ours[n]);
        sent = Buffer.from(bytes).toString('hex');
        if (at >= 0)
          expect({ packet: i, sent, rule: at, text: line(match.lines, at), is: ours[at] }).toEqual({
            packet: i,
            sent,
            rule: at,
            text: line(match.lines, at),
            is: theirs[at],
          });
      }
    } finally {
      sockets[4].close();
      sockets[6].close();
    }
  });
});

/** The text of a rule by its number in the dump: chain one has two rules, two has two, then out and pre. */
function line(lines: readonly string[], at: number): string {
  return at < 4
    ? `chain one or two, ${at}`
    : `${lines[(at - 4) % lines.length]} (${at - 4 < lines.length ? 'out' : 'pre'})`;
}
