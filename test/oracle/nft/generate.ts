/**
 * Random rulesets: sets, maps, objects, chains that jump to later ones, base chains at random hooks and priorities, and
 * rules of one to three matches with statements and a verdict. All of it from a seed; values are those of the traffic's
 * hosts and ports and of its neighbourhood, so that packets meet them.
 */
import { Random } from '../../random.js';
import type { NftCase } from './nft_case.js';
import type { Focus } from './traffic.js';

type Family = 'inet' | 'ip' | 'ip6' | 'netdev' | 'bridge';

const V4 = [
  '192.0.2.2',
  '192.0.2.3',
  '192.0.2.5',
  '10.1.0.7',
  '198.51.100.2',
  '198.51.100.3',
  '198.51.100.7',
  '203.0.113.5',
  '203.0.113.77',
];
const V4_NETS = ['192.0.2.0/24', '10.1.0.0/16', '198.51.100.0/28', '203.0.113.64/26', '203.0.113.0/24'];
const V6 = [
  '2001:db8:1::2',
  '2001:db8:1::3',
  '2001:db8:11::7',
  '2001:db8:2::2',
  '2001:db8:2::3',
  '2001:db8:3::5',
  '2001:db8:3::77',
];
const V6_NETS = ['2001:db8:1::/64', '2001:db8:11::/48', '2001:db8:2::/120', '2001:db8:3::/48'];
const PORTS = [7, 21, 22, 53, 80, 81, 443, 1024, 5353, 8080, 33333, 40000];
const HOOKS = ['prerouting', 'input', 'forward', 'forward', 'forward', 'output', 'postrouting'] as const;
const DEVICES = ['lan0', 'wan0'] as const;
const DYNAMIC_SIZE = 2000;

interface SetType {
  name: string;
  /** As declared. */
  type: string;
  /** What a rule puts in front of the set. */
  key(r: Random): string;
  element(r: Random, interval: boolean): string;
  v6?: boolean;
  v4?: boolean;
}

const port = (r: Random): number => r.pick(PORTS) + (r.once(4) ? r.below(3) - 1 : 0);

function range(from: number, to: number): string {
  return from === to ? String(from) : `${Math.min(from, to)}-${Math.max(from, to)}`;
}

const ports = (r: Random, interval: boolean): string =>
  interval && r.once(2) ? range(port(r), port(r)) : String(port(r));

function v4(r: Random, interval: boolean): string {
  if (!interval || r.once(3)) return r.pick(V4);
  if (r.once(2)) return r.pick(V4_NETS);
  const net = r.pick(['192.0.2.', '198.51.100.', '203.0.113.']);
  const from = 1 + r.below(60);
  return `${net}${from}-${net}${from + 1 + r.below(40)}`;
}

function v6(r: Random, interval: boolean): string {
  if (!interval || r.once(3)) return r.pick(V6);
  if (r.once(2)) return r.pick(V6_NETS);
  const net = r.pick(['2001:db8:1::', '2001:db8:2::', '2001:db8:3::']);
  const from = 1 + r.below(8);
  return `${net}${from}-${net}${from + 1 + r.below(64)}`;
}

const SET_TYPES: readonly SetType[] = [
  { name: 'a', type: 'ipv4_addr', v4: true, key: (r) => `ip ${r.pick(['saddr', 'daddr'])}`, element: v4 },
  { name: 'b', type: 'ipv6_addr', v6: true, key: (r) => `ip6 ${r.pick(['saddr', 'daddr'])}`, element: v6 },
  {
    name: 'p',
    type: 'inet_service',
    key: (r) => `${r.pick(['tcp', 'udp', 'th'])} ${r.pick(['sport', 'dport'])}`,
    element: ports,
  },
  {
    name: 'ap',
    type: 'ipv4_addr . inet_service',
    v4: true,
    key: (r) => `ip ${r.pick(['saddr', 'daddr'])} . ${r.pick(['tcp', 'udp'])} dport`,
    element: (r, i) => `${v4(r, i)} . ${ports(r, i)}`,
  },
  {
    name: 'bp',
    type: 'ipv6_addr . inet_service',
    v6: true,
    key: (r) => `ip6 ${r.pick(['saddr', 'daddr'])} . ${r.pick(['tcp', 'udp'])} dport`,
    element: (r, i) => `${v6(r, i)} . ${ports(r, i)}`,
  },
  {
    name: 'aap',
    type: 'ipv4_addr . ipv4_addr . inet_proto . inet_service',
    v4: true,
    key: () => 'ip saddr . ip daddr . meta l4proto . th dport',
    element: (r, i) => `${v4(r, i)} . ${v4(r, i)} . ${r.pick(['tcp', 'udp'])} . ${ports(r, i)}`,
  },
  {
    name: 'm',
    type: 'mark',
    key: () => 'meta mark',
    element: (r, i) => (i && r.once(2) ? range(r.below(40), r.below(40)) : String(r.below(20))),
  },
];

interface Made {
  set: SetType;
  name: string;
  kind: 'set' | 'map' | 'vmap' | 'dynamic';
}

/** Words of a rule of which none contradicts the protocol that those before say. */
class Words {
  private readonly words: string[] = [];
  private network: string | undefined;
  private transport: string | undefined;

  get text(): string {
    return this.words.length === 0 ? 'counter' : this.words.join(' ');
  }

  /** Left out when it does not fit. */
  add(words: string): void {
    const network = /\b(ip6|icmpv6) [a-z]/.test(words)
      ? 'ip6'
      : /\b(ip|icmp) (saddr|daddr|ttl|dscp|frag-off|type)/.test(words) && !words.startsWith('reject')
        ? 'ip'
        : /nfproto ipv|protocol (ip|arp)/.test(words)
          ? words
          : undefined;
    const transport =
      /\b(tcp|udp|icmp|icmpv6) (?:sport|dport|flags|option|length|type)/.exec(words)?.[1] ??
      /l4proto (?:!= )?(.*)/.exec(words)?.[1]?.split(' ')[0];
    const told = words.startsWith('reject') ? undefined : transport;
    if (network !== undefined && this.network !== undefined && network !== this.network) return;
    if (told !== undefined && this.transport !== undefined && told !== this.transport) return;
    this.network ??= network;
    this.transport ??= told;
    this.words.push(words);
  }
}

class Generator {
  private readonly r: Random;
  private readonly made: Made[] = [];
  private readonly objects: { kind: 'counter' | 'quota' | 'limit'; name: string }[] = [];
  private chains: string[] = [];
  private names = 0;

  constructor(
    seed: number,
    private readonly family: Family,
    private readonly nat: boolean,
  ) {
    this.r = new Random(seed);
  }

  private get has4(): boolean {
    return this.family !== 'ip6';
  }

  private get has6(): boolean {
    return this.family !== 'ip';
  }

  private get types(): SetType[] {
    return SET_TYPES.filter((type) => (type.v4 !== true || this.has4) && (type.v6 !== true || this.has6));
  }

  private some(most: number, make: () => string): string[] {
    return Array.from({ length: this.r.below(most + 1) }, make);
  }

  table(): string {
    const { r } = this;
    const objects = this.some(3, () => this.object());
    const count = r.below(4);
    this.chains = Array.from({ length: count }, (_, i) => `j${i}`);
    const sets = this.some(5, () => this.set());
    const jumped: string[] = [];
    // The last first: a chain may only jump to those behind it.
    const all = this.chains;
    for (let i = 0; i < count; i++) {
      this.chains = all.slice(i + 1);
      jumped.push(`chain ${all[i]} {\n${this.rules(1 + r.below(5), 'forward')}\n}`);
    }
    this.chains = all;
    const bases = Array.from({ length: 1 + r.below(3) }, (_, i) => this.base(i));
    const nat = this.nat ? this.natChains() : [];
    return [`table ${this.family} g {`, ...objects, ...jumped.reverse(), ...sets, ...bases, ...nat, '}'].join(
      '\n',
    );
  }

  private object(): string {
    const { r } = this;
    const kind = r.pick(['counter', 'quota', 'limit'] as const);
    const name = `o${this.names++}`;
    this.objects.push({ kind, name });
    switch (kind) {
      case 'counter':
        return `counter ${name} {\n}`;
      case 'quota':
        return `quota ${name} {\n${r.pick(['over', 'until'])} ${1000 + r.below(20_000)} bytes\n}`;
      default:
        return `limit ${name} {\nrate ${r.pick(['', 'over '])}1/day burst ${1 + r.below(60)} packets\n}`;
    }
  }

  private elements(set: SetType, interval: boolean, value: () => string): string {
    const { r } = this;
    // Intervals of one set may not overlap: few elements, and auto-merge for sets that take it.
    const seen = new Set<string>();
    for (let i = 1 + r.below(interval ? 4 : 12); i > 0; i--) seen.add(set.element(r, interval));
    return [...seen].map((element) => `${element}${value()}`).join(', ');
  }

  private set(): string {
    const { r } = this;
    const set = r.pick(this.types);
    const name = `${set.name}${this.names++}`;
    const kind = r.pick(['set', 'set', 'map', 'vmap', 'dynamic'] as const);
    this.made.push({ set, name, kind });
    if (kind === 'dynamic') {
      const timeout = r.once(2) ? ',timeout\ntimeout 1d' : '';
      const counter = r.once(3) ? '\ncounter' : '';
      return `set ${name} {\ntype ${set.type}\nsize ${DYNAMIC_SIZE}\nflags dynamic${timeout}${counter}\n}`;
    }
    // Overlapping intervals of a map contradict each other, those of a set merge; of concatenations neither.
    const single = !set.type.includes(' . ');
    const interval = kind === 'set' && single && r.once(2);
    const value =
      kind === 'set'
        ? () => ''
        : kind === 'map'
          ? () => ` : ${r.below(20)}`
          : () => ` : ${this.verdict('forward', true)}`;
    const head = kind === 'set' ? 'set' : 'map';
    const data = kind === 'set' ? '' : kind === 'map' ? ' : mark' : ' : verdict';
    const flags = interval ? '\nflags interval\nauto-merge' : r.once(3) ? '\ncounter' : '';
    return `${head} ${name} {\ntype ${set.type}${data}${flags}\nelements = { ${this.elements(set, interval, value)} }\n}`;
  }

  private base(n: number): string {
    const { r } = this;
    const priority = r.below(401) - 150;
    const policy = r.once(4) ? 'drop' : 'accept';
    if (this.family === 'netdev') {
      const hook = r.pick(['ingress', 'egress']);
      return `chain base${n} {\ntype filter hook ${hook} device "${r.pick(DEVICES)}" priority ${priority}; policy ${policy};\n${this.rules(4 + r.below(14), 'ingress')}\n}`;
    }
    const hook = r.pick(HOOKS);
    return `chain base${n} {\ntype filter hook ${hook} priority ${priority}; policy ${policy};\n${this.rules(4 + r.below(14), hook)}\n}`;
  }

  /** Translations that leave Linux no choice: see cases/nat.ts. */
  private natChains(): string[] {
    const { r } = this;
    const pre = this.some(4, () => {
      const to = r.once(2) ? `192.0.2.${2 + r.below(7)}` : `192.0.2.3:${1000 + r.below(100)}`;
      return `iifname "wan0" meta nfproto ipv4 ${r.pick(['tcp', 'udp'])} dport ${ports(r, true)} counter dnat ip to ${to}`;
    });
    const post = this.some(4, () =>
      r.pick([
        'oifname "wan0" meta nfproto ipv4 counter masquerade',
        'oifname "wan0" meta nfproto ipv6 counter masquerade',
        `oifname "wan0" ip saddr ${r.pick(V4_NETS)} counter snat ip to 198.51.100.${4 + r.below(6)}`,
        `oifname "wan0" ip6 saddr ${r.pick(V6_NETS)} counter snat ip6 to 2001:db8:2::${4 + r.below(6)}`,
      ]),
    );
    return [
      'chain strays {\ntype filter hook prerouting priority -150; policy accept;\nct state invalid drop\n}',
      `chain pre {\ntype nat hook prerouting priority -100; policy accept;\n${pre.join('\n')}\n}`,
      `chain post {\ntype nat hook postrouting priority 100; policy accept;\n${post.join('\n')}\n}`,
    ];
  }

  private rules(count: number, hook: string): string {
    return Array.from({ length: count }, () => this.rule(hook)).join('\n');
  }

  private rule(hook: string): string {
    const { r } = this;
    const rule = new Words();
    for (let i = r.pick([0, 1, 1, 1, 2, 2, 3]); i > 0; i--) rule.add(this.match(hook));
    if (!r.once(5)) rule.add('counter');
    for (let i = r.below(3); i > 0; i--) rule.add(this.statement(hook));
    if (r.once(2)) rule.add(this.verdict(hook, false));
    return rule.text;
  }

  private verdict(hook: string, element: boolean): string {
    const { r } = this;
    const n = r.below(12);
    if (n < 3) return 'accept';
    if (n < 6) return 'drop';
    if (n < 8 && this.chains.length > 0) return `${r.pick(['jump', 'goto'])} ${r.pick(this.chains)}`;
    if (n < 9) return 'return';
    if (!element && n === 9 && hook !== 'ingress' && this.family !== 'bridge' && !this.jumpedTo(hook))
      return this.reject();
    return 'continue';
  }

  /** Chains that are jumped to may be reached from hooks where reject has no place. */
  private jumpedTo(hook: string): boolean {
    return hook === 'postrouting' || this.chains.length > 0;
  }

  private reject(): string {
    const { r } = this;
    if (r.once(3)) return 'meta l4proto tcp reject with tcp reset';
    if (this.family === 'ip')
      return `reject with icmp type ${r.pick(['host-unreachable', 'admin-prohibited'])}`;
    if (this.family === 'ip6') return `reject with icmpv6 type ${r.pick(['no-route', 'admin-prohibited'])}`;
    return `reject with icmpx type ${r.pick(['port-unreachable', 'admin-prohibited', 'no-route'])}`;
  }

  private match(hook: string): string {
    const { r } = this;
    const ip = this.family !== 'netdev' && this.family !== 'bridge';
    const not = r.once(5) ? '!= ' : '';
    const kinds: (() => string | undefined)[] = [
      () => this.setMatch(),
      () => this.setMatch(),
      () => (this.has4 ? `ip ${r.pick(['saddr', 'daddr'])} ${not}${v4(r, true)}` : undefined),
      () => (this.has6 ? `ip6 ${r.pick(['saddr', 'daddr'])} ${not}${v6(r, true)}` : undefined),
      () => `${r.pick(['tcp', 'udp', 'th'])} ${r.pick(['sport', 'dport'])} ${not}${ports(r, true)}`,
      () =>
        `tcp dport { ${ports(r, false)}, ${50_000 + r.below(9)}, ${range(60_000, 60_000 + r.below(5000))} }`,
      () => `tcp flags ${r.pick(['syn', '& (syn | ack) == syn', '& (fin | rst) != 0', '== ack', '! syn'])}`,
      () => `meta l4proto ${not}${r.pick(['tcp', 'udp', '{ tcp, icmp }', '{ udp, ipv6-icmp }', '47'])}`,
      () => `meta length ${r.pick(['< 60', '40-90', '> 200', '!= 60'])}`,
      () => `meta mark ${not}${r.pick(['0', '1', '5', '3-9'])}`,
      () => (this.has4 ? `ip ttl ${r.pick(['64', '< 60', '63-64', '> 64'])}` : undefined),
      () => (this.has4 ? `ip dscp ${not}${r.pick(['cs0', 'af11', '{ 10, 12, 46 }'])}` : undefined),
      () =>
        this.has4
          ? `ip frag-off & 0x${r.pick(['1fff', '3fff', '4000'])} ${r.pick(['!=', '=='])} 0`
          : undefined,
      () => (this.has4 ? `icmp type ${r.pick(['echo-request', 'echo-reply', '{ 3, 11, 12 }'])}` : undefined),
      () =>
        this.has6 ? `icmpv6 type ${r.pick(['echo-request', 'echo-reply', '{ 1, 2, 3, 4 }'])}` : undefined,
      () => (this.has6 ? `ip6 hoplimit ${r.pick(['64', '< 60', '> 64'])}` : undefined),
      () => `udp length ${r.pick(['< 20', '8-30', '> 100'])}`,
      () => `tcp option maxseg ${r.pick(['exists', 'size 1460', 'size < 100', 'missing'])}`,
      () => `@th,${r.pick([0, 8, 16, 32])},${r.pick([8, 16])} ${r.pick(['>', '<', '!='])} ${r.below(200)}`,
      () => `@nh,${r.pick([0, 16, 64])},8 ${r.pick(['>', '<', '!='])} ${r.below(255)}`,
      () => `numgen inc mod ${2 + r.below(5)} ${r.below(2)}`,
      () =>
        this.has4
          ? `jhash ip saddr . ip daddr mod ${2 + r.below(6)} seed ${1 + r.below(999)} ${r.below(2)}`
          : undefined,
      () =>
        ip
          ? `ct state ${r.pick(['new', 'established', 'related', 'invalid', 'established,related'])}`
          : undefined,
      () => (ip ? `ct state ${r.pick(['new', 'established'])}` : undefined),
      () => (ip ? `ct direction ${r.pick(['original', 'reply'])}` : undefined),
      () => (ip ? `ct mark ${not}${r.pick(['0', '1', '5', '3-9'])}` : undefined),
      () => (ip ? `ct status ${r.pick(['seen-reply', 'assured', 'confirmed'])}` : undefined),
      () =>
        ip ? `ct ${r.pick(['original', 'reply'])} packets ${r.pick(['> 2', '< 4', '!= 1'])}` : undefined,
      () =>
        ip && (hook === 'prerouting' || hook === 'input')
          ? `fib ${r.pick(['saddr', 'daddr'])} type ${r.pick(['local', 'unicast'])}`
          : undefined,
      () =>
        ip
          ? `${hook === 'output' || hook === 'postrouting' ? 'oifname' : 'iifname'} ${not}"${r.pick(DEVICES)}"`
          : undefined,
      () => (hook === 'ingress' ? `meta protocol ${r.pick(['ip', 'ip6', 'arp'])}` : undefined),
    ];
    for (;;) {
      const found = r.pick(kinds)();
      if (found !== undefined) return found;
    }
  }

  private setMatch(): string | undefined {
    const { r } = this;
    const usable = this.made.filter(({ kind }) => kind === 'set' || kind === 'dynamic');
    if (usable.length === 0) return undefined;
    const { set, name } = r.pick(usable);
    return `${set.key(r)} ${r.once(5) ? '!= ' : ''}@${name}`;
  }

  private statement(hook: string): string {
    const { r } = this;
    const ip = this.family !== 'netdev' && this.family !== 'bridge';
    const kinds: (() => string | undefined)[] = [
      () => `meta mark set ${r.pick([String(r.below(10)), 'meta mark xor 0x1', 'meta mark and 0xf'])}`,
      () => this.mapStatement(),
      () => this.mapStatement(),
      () => this.dynamicStatement(),
      () => this.dynamicStatement(),
      () => this.objectStatement(),
      () => (ip ? `ct mark set ${r.pick([String(r.below(10)), 'meta mark'])}` : undefined),
      () => `limit rate ${r.pick(['', 'over '])}1/week burst ${1 + r.below(80)} packets`,
      () => `quota ${r.pick(['over', 'until'])} ${500 + r.below(9000)} bytes`,
      () => (this.has4 ? `ip ttl set ${20 + r.below(200)}` : undefined),
      () => (this.has4 ? `ip dscp set ${r.pick(['cs1', 'af11', 'cs0'])}` : undefined),
      () => (this.has6 && ip ? `ip6 hoplimit set ${20 + r.below(200)}` : undefined),
      () => (r.once(4) ? `udp dport set ${port(r)}` : undefined),
      () => (r.once(4) && !this.nat ? `tcp sport set ${port(r)}` : undefined),
      () => 'log',
    ];
    for (;;) {
      const found = r.pick(kinds)();
      if (found !== undefined && !(this.nat && / set (?!.*mark)/.test(found)))
        return hook === '' ? '' : found;
    }
  }

  private mapStatement(): string | undefined {
    const { r } = this;
    const usable = this.made.filter(({ kind }) => kind === 'map');
    if (usable.length === 0) return undefined;
    const { set, name } = r.pick(usable);
    return `meta mark set ${set.key(r)} map @${name}`;
  }

  private dynamicStatement(): string | undefined {
    const { r } = this;
    const usable = this.made.filter(({ kind }) => kind === 'dynamic');
    if (usable.length === 0) return undefined;
    const { set, name } = r.pick(usable);
    return `add @${name} { ${set.key(r)} }`;
  }

  private objectStatement(): string | undefined {
    const { r } = this;
    if (this.objects.length === 0) return undefined;
    const { kind, name } = r.pick(this.objects);
    return `${kind} name "${name}"`;
  }
}

const FAMILIES: readonly Family[] = [
  'inet',
  'inet',
  'inet',
  'inet',
  'ip',
  'ip',
  'ip6',
  'ip6',
  'netdev',
  'bridge',
];
const FOCUSES: readonly Focus[] = [
  'tcp',
  'udp',
  'icmp',
  'v4',
  'v6',
  'fragments',
  'headers',
  'errors',
  'protocols',
  'damage',
  'local',
];

/** The generated case `n` of `seed`. */
export function generated(seed: number, n: number): NftCase {
  const random = new Random(Math.imul(seed, 0x9e3779b1) + n);
  const family = random.pick(FAMILIES);
  const nat = family === 'inet' && random.once(3);
  const generator = new Generator(random.u32(), family, nat);
  const text = generator.table();
  const focus: Focus[] = nat ? ['nat', 'local'] : [];
  for (let i = random.below(3); i > 0; i--) focus.push(random.pick(FOCUSES));
  return {
    name: `generated: ${seed}.${n}`,
    text,
    // Where a rule let it, NAT would have to choose.
    focus: nat ? focus.filter((one) => one !== 'protocols') : focus,
    ...(family === 'bridge' ? { bridge: true } : {}),
    silent: Number.POSITIVE_INFINITY,
  };
}
