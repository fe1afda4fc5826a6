/**
 * The file of `ww nft test`: YAML with tests of a firewall. Everything but the tests may be left out.
 *
 *   config: router.yaml          a netplan file, as of ww up; or in short:
 *   interfaces: {lan0: [10.0.0.1/24], wan0: [203.0.113.1/24]}
 *   routes: [default via 203.0.113.254]
 *   sysctls: {net.ipv4.ip_forward: 0}
 *   tests:
 *     - name: nobody comes in by ssh
 *       packet: iifname wan0 ip saddr 198.51.100.7 ip daddr 203.0.113.1 tcp dport 22
 *       expect: drop
 *
 * All mistakes of a file are found in one reading, each with its place.
 */
import type { Diagnostic } from '../../config/diagnostic.js';
import { parseCidr, parseIp, whyNotCidr } from '../../config/ip_address.js';
import { whyNotSysctl } from '../../config/sysctl_name.js';
import { type Range, type Value, YamlReader } from '../../config/yaml_reader.js';
import { type PacketWords, readPacketWords, WordsError } from '../packet/words.js';
import { NFT_HOOKS, type NftHook } from '../../replay/explain_nft.js';

export interface SuiteFile {
  readonly file: string;
  /** A path, as it stands. */
  readonly config?: { readonly path: string; readonly at: Range };
  readonly interfaces: readonly InterfaceLine[];
  readonly routes: readonly RouteLine[];
  readonly sysctls: readonly (readonly [name: string, value: number])[];
  readonly tests: readonly TestCase[];
}

export interface InterfaceLine {
  readonly name: string;
  readonly addresses: readonly string[];
}

export interface RouteLine {
  readonly to: string;
  readonly via?: string;
  readonly dev?: string;
}

export type PacketSource =
  | { readonly kind: 'words'; readonly words: PacketWords; readonly at: Range }
  /** The answer of whoever got the last packet. */
  | { readonly kind: 'reply'; readonly words: PacketWords; readonly at: Range }
  /** SYN, the answer, ACK. */
  | { readonly kind: 'handshake'; readonly words: PacketWords; readonly at: Range }
  /** A frame of a capture by its number, or all of them. */
  | { readonly kind: 'pcap'; readonly path: string; readonly number?: number; readonly at: Range }
  | { readonly kind: 'wait'; readonly ms: number; readonly at: Range };

export interface TestCase {
  readonly name: string;
  readonly line: number;
  readonly packet: PacketSource;
  readonly iif?: string;
  readonly oif?: string;
  readonly hook?: NftHook;
  readonly history: readonly PacketSource[];
  /** Commands of nft before the packets: `add element ...`. */
  readonly nft?: { readonly text: string; readonly line: number };
  /** The packet so many times; the last is looked at. */
  readonly repeat: number;
  readonly expect: Expectation;
}

export const VERDICTS = ['accept', 'drop', 'reject', 'queue', 'stolen'] as const;

export interface Expectation {
  readonly verdict?: (typeof VERDICTS)[number];
  /** `icmp port-unreachable`, `tcp reset`: of reject. */
  readonly with?: string;
  /** FILE:LINE, a comment, words of the rule; `policy`. */
  readonly rule?: string;
  readonly oif?: string;
  /** What the packet is when it leaves or arrives. */
  readonly packet?: PacketWords;
  /** What is sent back. */
  readonly answer?: PacketWords;
  /** Words that an entry of the connection table has, as conntrack -L prints it; `none`. */
  readonly conntrack?: string;
  readonly counters: readonly CounterLine[];
  readonly sets: readonly SetLine[];
  /** Part of a line that was logged; `none`. */
  readonly log?: string;
}

export interface CounterLine {
  /** A rule (as `rule` names it), or a named counter. */
  readonly of: string;
  readonly packets?: number;
  readonly bytes?: number;
}

export interface SetLine {
  readonly name: string;
  readonly elements: readonly string[];
}

export type SuiteResult =
  | { readonly kind: 'ok'; readonly suite: SuiteFile }
  | { readonly kind: 'wrong'; readonly errors: readonly Diagnostic[] };

const FILE_EXAMPLE = 'write tests: and below it a list, each with name, packet and expect';
const TEST_EXAMPLE =
  'write "- name: ...", below it "packet: ip saddr 10.0.0.2 tcp dport 22" and "expect: drop"';
const PACKET_EXAMPLE = 'for example ip saddr 10.0.0.2 ip daddr 1.1.1.1 tcp dport 22';

export function readSuite(text: string, file: string): SuiteResult {
  return new SuiteReader(text, file).read();
}

type Draft<T> = { -readonly [K in keyof T]: T[K] };

class SuiteReader {
  private readonly yaml: YamlReader;

  constructor(
    private readonly text: string,
    private readonly file: string,
  ) {
    this.yaml = new YamlReader(text, file);
  }

  read(): SuiteResult {
    const { yaml, file } = this;
    const root = yaml.root();
    const tests: TestCase[] = [];
    const interfaces: InterfaceLine[] = [];
    const routes: RouteLine[] = [];
    const sysctls: (readonly [string, number])[] = [];
    let config: SuiteFile['config'];
    let seen = false;
    if (root !== null) {
      yaml.fields(root, 'the file', FILE_EXAMPLE, {
        config: (value) => {
          const path = yaml.string(value, 'config', 'write the path of a netplan file');
          if (path !== null) config = { path, at: value.at };
        },
        interfaces: (value) => interfaces.push(...this.interfaces(value)),
        routes: (value) => routes.push(...this.routes(value)),
        sysctls: (value) => sysctls.push(...this.sysctls(value)),
        tests: (value) => {
          seen = true;
          for (const item of yaml.items(value, 'tests', TEST_EXAMPLE) ?? []) {
            const test = this.test(item);
            if (test !== null) tests.push(test);
          }
        },
      });
      if (!seen && yaml.errors.length === 0) yaml.error([0, 1], 'the file has no tests', FILE_EXAMPLE);
      const given = interfaces.length > 0 || routes.length > 0;
      if (config !== undefined && given)
        yaml.error(config.at, 'config: names the interfaces and routes already', 'remove one of the two');
    }
    if (yaml.errors.length > 0) {
      const errors = yaml.errors.toSorted((a, b) => a.line - b.line || a.column - b.column);
      return { kind: 'wrong', errors };
    }
    return { kind: 'ok', suite: { file, interfaces, routes, sysctls, tests, ...(config && { config }) } };
  }

  private interfaces(value: Value): InterfaceLine[] {
    const { yaml } = this;
    const example = 'write interfaces: {lan0: [10.0.0.1/24], wan0: []}';
    return (yaml.entries(value, 'interfaces', example) ?? []).map(({ key, keyAt, value: inner }) => {
      if (!/^[^\s/:]{1,15}$/.test(key))
        yaml.error(keyAt, `"${key}" is no name of an interface`, 'up to 15 characters, no / and no blank');
      const addresses: string[] = [];
      for (const item of yaml.items(inner, `the addresses of ${key}`, example) ?? []) {
        const address = yaml.string(item, 'an address', 'write ADDRESS/PREFIX, for example 10.0.0.1/24');
        if (address === null) continue;
        if (parseCidr(address) === null)
          yaml.error(item.at, whyNotCidr(address), 'write ADDRESS/PREFIX, for example 10.0.0.1/24');
        else addresses.push(address);
      }
      return { name: key, addresses };
    });
  }

  private routes(value: Value): RouteLine[] {
    const { yaml } = this;
    const example = 'write "default via 203.0.113.254" or "10.1.0.0/16 dev lan0"';
    const routes: RouteLine[] = [];
    for (const item of yaml.items(value, 'routes', 'write routes: [default via 203.0.113.254]') ?? []) {
      const text = yaml.string(item, 'a route', example);
      if (text === null) continue;
      const match = /^(\S+)(?:\s+via\s+(\S+))?(?:\s+dev\s+(\S+))?$/.exec(text.trim());
      const [, to = '', via, dev] = match ?? [];
      const network =
        to === 'default' || parseCidr(to.includes('/') ? to : `${to}/32`) !== null || parseIp(to) !== null;
      if (match === null || !network || (via === undefined && dev === undefined)) {
        yaml.error(item.at, `"${text}" is no route`, example);
      } else if (via !== undefined && parseIp(via) === null) {
        yaml.error(item.at, `"${via}" is no address`, example);
      } else {
        routes.push({ to, ...(via !== undefined && { via }), ...(dev !== undefined && { dev }) });
      }
    }
    return routes;
  }

  private sysctls(value: Value): [string, number][] {
    const { yaml } = this;
    const found: [string, number][] = [];
    for (const { key, keyAt, value: inner } of yaml.entries(
      value,
      'sysctls',
      'write sysctls: {net.ipv4.ip_forward: 0}',
    ) ?? []) {
      // Which interfaces there are, the ruleset says, too.
      const why = whyNotSysctl(key, [key.split('.')[3] ?? '']);
      if (why !== null) yaml.error(keyAt, why.message, why.hint);
      const number = yaml.integer(inner, key, -0x80000000, 0x7fffffff);
      if (number !== null) found.push([key, number]);
    }
    return found;
  }

  private test(item: Value): TestCase | null {
    const { yaml } = this;
    const line = yaml.lineOf(item.at);
    const made: Partial<Draft<TestCase>> = { line, history: [], repeat: 1 };
    let packet: PacketSource | null | undefined;
    let expect: Expectation | undefined;
    const text = (key: 'name' | 'iif' | 'oif', value: Value, example: string) => {
      const found = yaml.string(value, key, example);
      if (found !== null) made[key] = found;
    };
    const known = yaml.fields(item, 'a test', TEST_EXAMPLE, {
      name: (value) => text('name', value, 'write a sentence'),
      packet: (value) => (packet = this.packet(value)),
      pcap: (value) => (packet = this.capture(value)),
      iif: (value) => text('iif', value, 'write the name of an interface'),
      oif: (value) => text('oif', value, 'write the name of an interface'),
      hook: (value) => {
        const hook = yaml.oneOf(value, 'hook', NFT_HOOKS);
        if (hook !== null) made.hook = hook;
      },
      history: (value) => {
        const items =
          yaml.items(value, 'history', 'write history: [ip saddr 10.0.0.2 tcp dport 22, reply]') ?? [];
        made.history = items.map((each) => this.packet(each)).filter((each) => each !== null);
      },
      nft: (value) => {
        const commands = yaml.string(
          value,
          'nft',
          'write commands: add element inet filter blocked { 10.0.0.2 }',
        );
        if (commands !== null) made.nft = { text: `${commands}\n`, line: yaml.lineOf(value.at) };
      },
      repeat: (value) => (made.repeat = yaml.integer(value, 'repeat', 1, 100_000) ?? 1),
      expect: (value) => (expect = this.expectation(value)),
    });
    if (!known) return null;
    if (packet === undefined)
      yaml.error(item.at, 'the test has no packet', `write packet: and its words, ${PACKET_EXAMPLE}`);
    if (expect === undefined)
      yaml.error(item.at, 'the test expects nothing', `write expect: and one of ${VERDICTS.join(', ')}`);
    if (!packet || expect === undefined) return null;
    const name =
      made.name ?? (packet.kind === 'pcap' ? packet.path : 'words' in packet ? packet.words.text : 'test');
    return { ...(made as TestCase), name, packet, expect };
  }

  /** `ip saddr ...`; `reply`, `reply tcp flags rst`; `handshake ip saddr ...`; `wait 5s`; `pcap FILE 3`. */
  private packet(value: Value): PacketSource | null {
    if (this.yaml.isMapping(value)) return this.packetMapping(value);
    const text = this.yaml.string(value, 'a packet', PACKET_EXAMPLE);
    if (text === null) return null;
    const [, kind, rest = ''] = /^\s*(reply|handshake|wait|pcap)\b\s*([\s\S]*)$/.exec(text) ?? [];
    switch (kind) {
      case 'wait':
        return this.pause(rest, value);
      case 'pcap': {
        const [path = '', number] = rest.split(/\s+/);
        return { kind: 'pcap', path, at: value.at, ...(number !== undefined && { number: Number(number) }) };
      }
      case 'reply':
      case 'handshake': {
        const words = this.words(rest, value, text.length - rest.length);
        return words && { kind, words, at: value.at };
      }
      default: {
        const words = this.words(text, value);
        return words && { kind: 'words', words, at: value.at };
      }
    }
  }

  private pause(text: string, { at }: Value): PacketSource | null {
    const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/.exec(text.trim());
    if (match === null) {
      this.yaml.error(at, `"${text}" is no time`, 'write wait 30s, wait 500ms, wait 2m');
      return null;
    }
    const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] ?? 's'] ?? 1000;
    return { kind: 'wait', ms: Number(match[1]) * unit, at };
  }

  /** {words: ..., payload: ..., length: ...}, for who would rather not write it in one line. */
  private packetMapping(value: Value): PacketSource | null {
    const { yaml } = this;
    let words: PacketWords | null | undefined;
    const more: Partial<Draft<PacketWords>> = {};
    let captured: PacketSource | null | undefined;
    let line: Value | undefined;
    const lines: string[] = [];
    const entries = yaml.entries(value, 'packet', PACKET_EXAMPLE) ?? [];
    for (const { key, keyAt, value: inner } of entries) {
      switch (key) {
        case 'words': {
          const text = yaml.string(inner, 'words', PACKET_EXAMPLE);
          if (text !== null) words = this.words(text, inner);
          line = inner;
          break;
        }
        case 'payload': {
          const text = yaml.string(inner, 'payload', 'write text, or 0x0102');
          if (text === null) break;
          more.payload = /^0x([0-9a-f]{2})*$/i.test(text)
            ? Uint8Array.from(Buffer.from(text.slice(2), 'hex'))
            : new TextEncoder().encode(text);
          break;
        }
        case 'length': {
          const length = yaml.integer(inner, 'length', 20, 65535);
          if (length !== null) more.length = length;
          break;
        }
        case 'pcap':
          captured = this.capture(inner);
          break;
        default: {
          // `ip: {saddr: 10.0.0.2, daddr: 1.1.1.1}`, `tcp: {dport: 22}`.
          if (!yaml.isMapping(inner)) {
            const text = yaml.string(inner, key, PACKET_EXAMPLE);
            if (text !== null) lines.push(`${key} ${text}`);
          } else {
            for (const field of yaml.entries(inner, key, PACKET_EXAMPLE) ?? []) {
              const text = yaml.string(field.value, `${key} ${field.key}`, PACKET_EXAMPLE);
              if (text !== null) lines.push(`${key} ${field.key} ${text}`);
            }
          }
          line ??= { node: inner.node, at: keyAt };
        }
      }
    }
    if (captured !== undefined) return captured;
    if (lines.length > 0)
      words = this.words([words?.text ?? '', ...lines].join(' '), { node: null, at: line!.at }, undefined);
    words ??= words === null ? null : this.words('', value);
    return words && { kind: 'words', words: { ...words, ...more }, at: value.at };
  }

  private capture(value: Value): PacketSource | null {
    const { yaml } = this;
    if (!yaml.isMapping(value)) {
      const path = yaml.string(value, 'pcap', 'write the path of a capture');
      return path === null ? null : { kind: 'pcap', path, at: value.at };
    }
    let path: string | null = null;
    let number: number | null = null;
    yaml.fields(value, 'pcap', 'write pcap: {file: a.pcapng, frame: 3}', {
      file: (inner) => (path = yaml.string(inner, 'file', 'write the path of a capture')),
      frame: (inner) => (number = yaml.integer(inner, 'frame', 1, 1e9)),
    });
    if (path === null) return null;
    return { kind: 'pcap', path, at: value.at, ...(number !== null && { number }) };
  }

  /** `skip`: characters of the value in front of the words; undefined: their places are not known. */
  private words(text: string, { at }: Value, skip: number | undefined = 0): PacketWords | null {
    try {
      return readPacketWords(text);
    } catch (error) {
      if (!(error instanceof WordsError)) throw error;
      this.yaml.error(this.within(at, text, skip, error), error.message, PACKET_EXAMPLE);
      return null;
    }
  }

  /** Where in the file a place of a value's text is: known of plain and quoted text on one line. */
  private within(at: Range, text: string, skip: number | undefined, { start, end }: WordsError): Range {
    if (skip === undefined) return at;
    const found = this.text.slice(at[0], at[1]).indexOf(text);
    return found < 0 ? at : [at[0] + found + start, at[0] + found + Math.max(end, start + 1)];
  }

  private expectation(value: Value): Expectation {
    const { yaml } = this;
    const made: Partial<Draft<Expectation>> & { counters: CounterLine[]; sets: SetLine[] } = {
      counters: [],
      sets: [],
    };
    const verdict = (inner: Value) => {
      const text = yaml.string(inner, 'verdict', `one of ${VERDICTS.join(', ')}`);
      const [, kind = '', how] = /^(\S+)(?:\s+with\s+(.+))?$/.exec(text ?? '') ?? [];
      const known = VERDICTS.find((each) => each === kind);
      if (text === null) return;
      if (known === undefined || (how !== undefined && known !== 'reject'))
        yaml.error(
          inner.at,
          `unknown verdict "${text}"`,
          `possible here: ${VERDICTS.join(', ')}, reject with tcp reset`,
        );
      else Object.assign(made, { verdict: known }, how !== undefined && { with: how });
    };
    if (!yaml.isMapping(value)) {
      verdict(value);
      return made;
    }
    const text = (key: 'rule' | 'with' | 'oif' | 'conntrack' | 'log', example: string) => (inner: Value) => {
      const found = yaml.string(inner, key, example);
      if (found !== null) made[key] = found;
    };
    yaml.fields(value, 'expect', 'write expect: drop, or verdict: and more below it', {
      verdict,
      with: text('with', 'write tcp reset, icmp port-unreachable'),
      rule: text('rule', 'write FILE:LINE, the comment of the rule, or some of its words'),
      oif: text('oif', 'write the name of an interface'),
      conntrack: text('conntrack', 'write some words of the entry, tcp src=10.0.0.2, or none'),
      log: text('log', 'write some of the line, or none'),
      packet: (inner) => Object.assign(made, wordsOf('packet', this.plainWords(inner))),
      answer: (inner) => Object.assign(made, wordsOf('answer', this.plainWords(inner))),
      counters: (inner) => made.counters.push(...this.counters(inner)),
      sets: (inner) => made.sets.push(...this.sets(inner)),
    });
    return made;
  }

  private plainWords(value: Value): PacketWords | null {
    const packet = this.packet(value);
    return packet?.kind === 'words' ? packet.words : null;
  }

  private counters(value: Value): CounterLine[] {
    const { yaml } = this;
    const example = 'write counters: {"fw.nft:12": 1}, or {packets: 1, bytes: 60}';
    return (yaml.entries(value, 'counters', example) ?? []).map(({ key, value: inner }) => {
      if (!yaml.isMapping(inner)) {
        const packets = yaml.integer(inner, `the counter ${key}`, 0, Number.MAX_SAFE_INTEGER);
        return { of: key, ...(packets !== null && { packets }) };
      }
      const line: Draft<CounterLine> = { of: key };
      yaml.fields(inner, `the counter ${key}`, example, {
        packets: (n) => (line.packets = yaml.integer(n, 'packets', 0, Number.MAX_SAFE_INTEGER) ?? 0),
        bytes: (n) => (line.bytes = yaml.integer(n, 'bytes', 0, Number.MAX_SAFE_INTEGER) ?? 0),
      });
      return line;
    });
  }

  private sets(value: Value): SetLine[] {
    const { yaml } = this;
    const example = 'write sets: {blocked: [10.0.0.2]}; [] is an empty set';
    return (yaml.entries(value, 'sets', example) ?? []).map(({ key, value: inner }) => ({
      name: key,
      elements: (yaml.items(inner, `the set ${key}`, example) ?? [])
        .map((item) => yaml.string(item, 'an element', example))
        .filter((item) => item !== null),
    }));
  }
}

function wordsOf(key: 'packet' | 'answer', words: PacketWords | null): Partial<Expectation> {
  return words === null ? {} : { [key]: words };
}
