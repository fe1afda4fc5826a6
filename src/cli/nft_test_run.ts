/**
 * Runs tests of a firewall: each on a router of its own, in memory, which is the router of `ww up`. What a test asks for is arranged:
 * `oif` by a default route, `hook: input` by making the destination the router's own. A neighbour that the router had to ask for
 * is made known and the test begins anew, so that no ARP and no solicitation is among what the rules count.
 *
 *   links, routes ─► ruleset ─► nft: ─► ct state established ─► history ─► packet ─► outcome against expect
 */
import { TraceKind } from '../../assembly/abi/trace.js';
import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { formatIpv4, formatIpv6, parseCidr } from '../config/ip_address.js';
import type { RouterConfig } from '../config/router_config.js';
import type { TraceRecord } from '../core/trace_ring.js';
import { openCapture, fileSource } from '../drivers/capture_file.js';
import { NetError } from '../net_error.js';
import { IPS_ASSURED, IPS_SEEN_REPLY } from '../netlink/ctnetlink.js';
import type { Command } from '../nft/ast.js';
import { readCommands } from '../nft/nft.js';
import { Explainer } from '../replay/explain.js';
import { compose } from '../tools/packet/compose.js';
import { type Dissected, dissect, valueText } from '../tools/packet/dissect.js';
import { getBits } from '../tools/packet/bits.js';
import { replyWords } from '../tools/packet/reply.js';
import { type PacketWords, readPacketWords, WordsError } from '../tools/packet/words.js';
import { readLog, logLine } from '../tools/firewall/log_line.js';
import { type Outcome, outcomeOf } from '../tools/firewall/outcome.js';
import { ownMac, peerMac, type SuiteRouter } from '../tools/firewall/suite_config.js';
import type { PacketSource, TestCase } from '../tools/firewall/test_file.js';
import { NftBench } from './nft_bench.js';
import { checkExpectation, type Failure } from './nft_test_expect.js';

export interface TestResult {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly ok: boolean;
  /** The verdict and what gave it. */
  readonly outcome?: Outcome;
  readonly failures: readonly Failure[];
  /** The packet's way, of a test that failed. */
  readonly way: readonly string[];
  readonly seconds: number;
}

export interface SuiteContext {
  readonly file: string;
  readonly ruleset: readonly Command[];
  readonly router: SuiteRouter;
  readonly seed: number;
}

/** Rounds in which neighbours become known. */
const ROUNDS = 8;
const AF_INET = 2;
const TCP_ESTABLISHED = 3;
const PROTO_TCP = 6;
/** As long as Linux keeps an established TCP connection. */
const CT_TIMEOUT_S = 432_000;
/** Worse than any route of the file. */
const LAST_METRIC = 4_000_000_000;

interface Neighbour {
  readonly link: string;
  readonly address: string;
}

export async function runTest(context: SuiteContext, test: TestCase): Promise<TestResult> {
  const begin = performance.now();
  const { name, line } = test;
  const common = { name, line, file: context.file };
  const seconds = () => (performance.now() - begin) / 1000;
  const known: Neighbour[] = [];
  for (let round = 0; ; round++) {
    const run = await TestRun.open(context, test, known);
    try {
      const seen = await run.play();
      if (round < ROUNDS && run.learn(known)) continue;
      const failures: Failure[] = [];
      for (const { outcome, records, label } of seen) {
        const found = await checkExpectation(test, outcome, {
          bench: run.bench,
          logs: logsOf(records, run.bench),
        });
        failures.push(...found.map((failure) => ({ ...failure, what: label + failure.what })));
      }
      const last = seen.at(-1);
      const way = failures.length === 0 || last === undefined ? [] : wayOf(last.records, run.bench);
      const outcome = last?.outcome;
      return {
        ...common,
        ok: failures.length === 0,
        failures,
        way,
        seconds: seconds(),
        ...(outcome && { outcome }),
      };
    } catch (error) {
      if (!(error instanceof NetError || error instanceof WordsError)) throw error;
      if (round < ROUNDS && run.learn(known)) continue;
      const failures = [{ what: 'test', expected: 'to run', was: error.message }];
      return { ...common, ok: false, failures, way: [], seconds: seconds() };
    } finally {
      await run.close();
    }
  }
}

/** Lines that rules logged. */
export function logsOf(records: readonly TraceRecord[], bench: NftBench): string[] {
  return records
    .filter(({ kind }) => kind === TraceKind.NFLOG)
    .map((record) => logLine(readLog(record), (handle) => bench.deviceName(handle)));
}

/** Step by step. */
export function wayOf(records: readonly TraceRecord[], bench: NftBench): string[] {
  const received = records.find(({ kind }) => kind === TraceKind.RECEIVED);
  const explainer = new Explainer(received?.id ?? -1, (handle) => bench.deviceName(handle), bench.rules);
  const first = records.find(({ skb }) => skb !== 0);
  if (received === undefined && first !== undefined) explainer.begin(first);
  explainer.take(records, true);
  return explainer.lines;
}

interface Seen {
  readonly outcome: Outcome;
  readonly records: readonly TraceRecord[];
  /** In front of what failed: which packet, when there are several. */
  readonly label: string;
}

class TestRun {
  readonly asked: Neighbour[] = [];
  private lastSent: { port: string; frame: Uint8Array } | undefined;

  private constructor(
    private readonly context: SuiteContext,
    private readonly test: TestCase,
    readonly bench: NftBench,
  ) {}

  static async open(context: SuiteContext, test: TestCase, known: readonly Neighbour[]): Promise<TestRun> {
    const bench = await NftBench.open(context.router.config, { seed: context.seed });
    try {
      const run = new TestRun(context, test, bench);
      await run.prepare(known);
      return run;
    } catch (error) {
      await bench.close();
      throw error;
    }
  }

  private async prepare(known: readonly Neighbour[]): Promise<void> {
    const { bench, context, test } = this;
    const { namespace } = bench;
    await this.arrange();
    for (const { link, address } of known) {
      const index = context.router.interfaces.indexOf(link);
      await namespace.addNeighbour(await namespace.link(link), { address, mac: peerMac(Math.max(0, index)) });
    }
    await bench.load(context.ruleset);
    if (test.nft !== undefined) {
      const name = `${context.file}:${test.nft.line}`;
      await bench.load(readCommands({ name, text: test.nft.text }));
    }
    bench.wait(1);
    bench.records();
    for (const port of bench.portNames) bench.sent(port);
  }

  /** Routes and addresses that the test takes for granted. */
  private async arrange(): Promise<void> {
    const { bench, test } = this;
    if (this.context.router.bridged) return;
    const out = this.outOf();
    const routes = await bench.namespace.routes();
    const link = await bench.namespace.link(out);
    for (const to of ['0.0.0.0/0', '::/0']) {
      const there = routes.some(
        (route) =>
          route.to === to || (route.to === 'default' && (route.family === 2) === (to === '0.0.0.0/0')),
      );
      if (!there || test.oif !== undefined || wordsOf(test.packet)?.oif !== undefined)
        await bench.namespace.addRoute({ to, oif: link.ifindex, metric: there ? 0 : LAST_METRIC }, 'replace');
    }
    const words = wordsOf(test.packet);
    if (test.hook !== 'input' || words === undefined || test.packet.kind !== 'words') return;
    const packet = dissect(this.frame(words, this.inOf(words)));
    const daddr = addressOf(packet, 'daddr');
    const own = this.context.router.config.links.flatMap(({ addresses }) =>
      addresses.map(({ address }) => text(address)),
    );
    if (daddr === undefined || own.includes(daddr) || isGroup(daddr)) return;
    const lo = await bench.namespace.link('lo');
    await lo.addAddress(`${daddr}/${daddr.includes(':') ? 128 : 32}`, { nodad: true });
  }

  /** Adds whom the router asked for; false: nobody new. */
  learn(known: Neighbour[]): boolean {
    const fresh = this.asked.filter(
      (asked) => !known.some(({ link, address }) => link === asked.link && address === asked.address),
    );
    known.push(...fresh);
    return fresh.length > 0;
  }

  async play(): Promise<Seen[]> {
    const { test } = this;
    for (const step of test.history) await this.step(step);
    const { packet } = test;
    const frames = packet.kind === 'pcap' ? capture(packet, this.context.file) : undefined;
    const seen: Seen[] = [];
    if (frames !== undefined) {
      for (const [i, frame] of frames.entries()) {
        const label = frames.length === 1 ? '' : `frame ${i + 1}: `;
        seen.push({ ...this.look(await this.give(frame, this.inOf(undefined))), label });
      }
      return seen;
    }
    for (let i = 1; i < test.repeat; i++) await this.step(packet);
    const records = await this.step(packet);
    return [{ ...this.look(records), label: '' }];
  }

  private look(records: readonly TraceRecord[]): Omit<Seen, 'label'> {
    return { outcome: outcomeOf(records, this.bench.rules, this.test.hook), records };
  }

  private async step(source: PacketSource): Promise<readonly TraceRecord[]> {
    switch (source.kind) {
      case 'wait':
        this.bench.wait(source.ms);
        return this.bench.records();
      case 'pcap': {
        let all: TraceRecord[] = [];
        for (const frame of capture(source, this.context.file))
          all = await this.give(frame, this.inOf(undefined));
        return all;
      }
      case 'words':
        await this.established(source.words);
        return this.giveWords(source.words);
      case 'reply':
        return this.reply(source.words);
      case 'handshake': {
        await this.giveWords(source.words);
        const between = await this.reply(readPacketWords(''));
        if (between.length === 0) return between;
        return this.giveWords(withWords(source.words, 'tcp flags ack tcp sequence 2 tcp ackseq 2'));
      }
    }
  }

  private giveWords(words: PacketWords): Promise<TraceRecord[]> {
    const iif = this.inOf(words);
    return this.give(this.frame(words, iif), iif);
  }

  private async reply(more: PacketWords): Promise<TraceRecord[]> {
    const last = this.lastSent;
    if (last === undefined)
      throw new NetError('ENOMSG', 'reply: no packet left before this one that somebody could answer');
    const words = replyWords(dissect(last.frame), more);
    if (words === undefined) throw new NetError('ENOMSG', 'reply: nobody answers such a packet');
    return this.give(this.frame(words, more.iif ?? last.port), more.iif ?? last.port);
  }

  private async give(frame: Uint8Array, iif: string | undefined): Promise<TraceRecord[]> {
    const { bench } = this;
    if (iif === undefined) await bench.send(frame.subarray(14));
    else bench.receive(iif, frame);
    const records = bench.records();
    for (const { kind, device, b, data } of records) {
      if (kind !== TraceKind.SOLICIT) continue;
      const address = b === AF_INET ? formatIpv4(data.subarray(0, 4)) : formatIpv6(data.subarray(0, 16));
      this.asked.push({ link: bench.deviceName(device), address });
    }
    for (const port of bench.portNames) {
      const sent = bench.sent(port).findLast((each) => isIp(each));
      if (sent !== undefined && port !== iif) this.lastSent = { port, frame: sent };
    }
    return records;
  }

  /** A connection that is there already, for `ct state established`; its packets saw no rule. */
  private async established(words: PacketWords): Promise<void> {
    const { state } = words.ct;
    if (state === undefined || state === 'new') return;
    if (state !== 'established')
      throw new NetError('EINVAL', `ct state ${state} is made by packets: write them under history`);
    const packet = dissect(this.frame(words, this.inOf(words)));
    const reply = words.ct.direction === 'reply';
    const own = tupleOf(packet);
    if (own === undefined)
      throw new NetError('EINVAL', 'ct state established: no connection has such packets');
    const other = turned(own);
    await this.bench.namespace.conntrack
      .create(reply ? other : own, reply ? own : other, {
        timeout: CT_TIMEOUT_S,
        status: IPS_SEEN_REPLY | IPS_ASSURED,
        ...(words.ct.mark !== undefined && { mark: Number(words.ct.mark) }),
        ...(own.proto === PROTO_TCP && { tcpState: TCP_ESTABLISHED }),
      })
      .catch((error: unknown) => {
        // Said of the packet before, too.
        if (!(error instanceof NetError) || error.code !== 'EEXIST') throw error;
      });
  }

  /** undefined: the router itself sends it. */
  private inOf(words: PacketWords | undefined): string | undefined {
    const { test, context } = this;
    const named = words?.iif ?? test.iif;
    const { interfaces } = context.router;
    if (named !== undefined) {
      if (!interfaces.includes(named))
        throw new NetError('ENODEV', `there is no port ${named}; there are ${interfaces.join(', ')}`);
      return named;
    }
    if (test.hook === 'output') return undefined;
    const out = words?.oif ?? test.oif;
    return interfaces.find((name) => name !== out) ?? interfaces[0];
  }

  private outOf(): string {
    const { test, context } = this;
    const { interfaces } = context.router;
    const words = wordsOf(test.packet) ?? test.history.map(wordsOf).find((each) => each !== undefined);
    const named = words?.oif ?? test.oif;
    if (named !== undefined) {
      if (!interfaces.includes(named))
        throw new NetError('ENODEV', `there is no port ${named}; there are ${interfaces.join(', ')}`);
      return named;
    }
    const iif = words?.iif ?? test.iif ?? interfaces[0];
    const others = interfaces.filter((name) => name !== iif);
    return others.find((name) => name === 'wan0') ?? others.at(-1) ?? interfaces[0]!;
  }

  private frame(words: PacketWords, iif: string | undefined): Uint8Array {
    const { router } = this.context;
    const index = Math.max(0, router.interfaces.indexOf(iif ?? ''));
    const own = this.bench.linkOf(iif ?? '')?.mac ?? ownMac(index);
    const other = router.interfaces.findIndex((name) => name !== iif);
    const dmac = router.bridged ? peerMac(Math.max(0, other)) : own;
    return compose(this.withOwn(words, iif), { smac: peerMac(index), dmac });
  }

  /** Where the words say nothing: what the router sends is from its address, what it gets is for it. */
  private withOwn(words: PacketWords, iif: string | undefined): PacketWords {
    const { test, context } = this;
    if (iif !== undefined && test.hook !== 'input') return words;
    const six = words.words.some(
      ({ place }) =>
        place.kind === 'extension' ||
        (place.kind === 'header' && ['ip6', 'icmpv6'].includes(place.proto.name)),
    );
    const device = iif ?? this.outOf();
    const address = ownAddress(context.router.config, device, six);
    if (address === undefined) return words;
    const header = six ? 'ip6' : 'ip';
    const which = iif === undefined ? 'saddr' : 'daddr';
    const given = words.words.some(
      ({ place }) =>
        place.kind === 'header' &&
        (place.proto.name === 'arp' || (place.proto.name === header && place.field.name === which)),
    );
    return given ? words : withWords(words, `${header} ${which} ${address}`, true);
  }

  close(): Promise<void> {
    return this.bench.close();
  }
}

function wordsOf(source: PacketSource): PacketWords | undefined {
  return 'words' in source ? source.words : undefined;
}

function withWords(words: PacketWords, more: string, first = false): PacketWords {
  const added = readPacketWords(more).words;
  return { ...words, words: first ? [...added, ...words.words] : [...words.words, ...added] };
}

function ownAddress(config: RouterConfig, device: string, six: boolean): string | undefined {
  const link = config.links.find(({ name }) => name === device);
  const found = link?.addresses.find(({ address }) => (address.length === 16) === six);
  return found && text(found.address);
}

const text = (address: Uint8Array): string =>
  address.length === 4 ? formatIpv4(address) : formatIpv6(address);

const isGroup = (address: string): boolean => {
  const bytes = parseCidr(`${address}/${address.includes(':') ? 128 : 32}`)!.address;
  return bytes.length === 4 ? bytes[0]! >= 224 : bytes[0] === 0xff;
};

const isIp = (frame: Uint8Array): boolean => {
  const { layers } = dissect(frame);
  const ip = layers.find(({ proto }) => proto.name === 'ip' || proto.name === 'ip6');
  const last = layers.at(-1);
  if (ip === undefined || last === undefined) return false;
  const type = last.proto.name === 'icmpv6' ? frame[last.at]! : 0;
  return !(type >= 130 && type <= 137) && type !== 143;
};

function fieldText(
  { frame, layers }: Dissected,
  header: (name: string) => boolean,
  name: string,
): string | undefined {
  const layer = layers.find(({ proto }) => header(proto.name));
  const field = layer?.proto.fields.find((each) => each.name === name);
  const value = layer && field && getBits(frame, layer.at * 8 + field.offset, field.len);
  return value === undefined || field === undefined ? undefined : valueText(value, field.type);
}

const isNetwork = (name: string): boolean => name === 'ip' || name === 'ip6';
const addressOf = (packet: Dissected, name: 'saddr' | 'daddr') => fieldText(packet, isNetwork, name);

type Tuple = Parameters<NftBench['namespace']['conntrack']['create']>[0];
const ICMP_TYPES: Readonly<Record<string, number>> = { icmp: 1, icmpv6: 58 };
const TRANSPORTS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, dccp: 33, sctp: 132, udplite: 136 };

function tupleOf(packet: Dissected): Tuple | undefined {
  const src = addressOf(packet, 'saddr');
  const dst = addressOf(packet, 'daddr');
  const last = packet.layers.at(-1);
  if (src === undefined || dst === undefined || last === undefined) return undefined;
  const { name } = last.proto;
  const at = last.at;
  const { frame } = packet;
  const u16 = (offset: number) => (frame[at + offset]! << 8) | frame[at + offset + 1]!;
  const transport = TRANSPORTS[name];
  if (transport !== undefined) return { src, dst, proto: transport, sport: u16(0), dport: u16(2) };
  const icmp = ICMP_TYPES[name];
  if (icmp !== undefined)
    return { src, dst, proto: icmp, icmp: { type: frame[at]!, code: frame[at + 1]!, id: u16(4) } };
  return undefined;
}

const ANSWERS: Readonly<Record<number, number>> = { 8: 0, 0: 8, 128: 129, 129: 128 };

function turned({ src, dst, proto, sport, dport, icmp }: Tuple): Tuple {
  return {
    ...{ src: dst, dst: src, proto },
    ...(sport !== undefined && dport !== undefined && { sport: dport, dport: sport }),
    ...(icmp && { icmp: { ...icmp, type: ANSWERS[icmp.type] ?? icmp.type } }),
  };
}

/** Frames of a capture; its path is as seen from the file of tests. */
function capture(source: PacketSource & { kind: 'pcap' }, file: string): Uint8Array[] {
  const path = isAbsolute(source.path) ? source.path : join(dirname(file), source.path);
  const bytes = fileSource(path);
  const frames: Uint8Array[] = [];
  try {
    const reader = openCapture(bytes);
    let number = 0;
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      number++;
      if (source.number === undefined || source.number === number) frames.push(Uint8Array.from(record.data));
      if (source.number === number) break;
    }
    if (frames.length === 0)
      throw new NetError(
        'ENOENT',
        `${path} has ${number} frames${source.number === undefined ? '' : `, no frame ${source.number}`}`,
      );
  } finally {
    bytes.close();
  }
  return frames;
}

/** The text of a file, or why not. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'EIO';
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a directory' : code;
    throw new NetError(code, `cannot read ${path}: ${why}`, { cause });
  }
}
