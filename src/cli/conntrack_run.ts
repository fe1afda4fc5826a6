/**
 * What `ww conntrack` does: asks the router by ctnetlink messages, chooses by the options and prints each connection as
 * conntrack-tools print it; how many there were goes to standard error.
 */
import {
  CTA_PROTOINFO_TCP,
  CtaProtoinfoTcp,
  CtExpMsg,
  CtMsg,
  Cta,
  CtaStats,
} from '../../assembly/abi/nf_conntrack_netlink.js';
import {
  NFNL_SUBSYS_CTNETLINK,
  NFNL_SUBSYS_CTNETLINK_EXP,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
} from '../../assembly/abi/nfnl.js';
import { parseIp } from '../config/ip_address.js';
import { NetError } from '../net_error.js';
import {
  type ConntrackEntry,
  conntrackJson,
  conntrackText,
  type ConntrackTuple,
  expectationText,
  putTuple,
  readConntrack,
  readConntrackEvent,
  readExpectation,
  tcpStateNumber,
} from '../netlink/ctnetlink.js';
import type { NlAttrWriter } from '../netlink/nlattr.js';
import { type NlMsg, nfMessage, readNfMsg } from '../netlink/nlmsg.js';
import { EXIT_DONE, EXIT_FAILED, EXIT_WRONG_USE, type TextOutput } from './command_line.js';
import { chooser, markAndMask, number, protocolNumber, statusBits, WrongUse } from './conntrack_filter.js';
import { RunningRouter } from './nft_router.js';

export interface ConntrackOptions {
  readonly dump?: string | true;
  readonly get?: true;
  readonly delete?: true;
  readonly create?: true;
  readonly update?: true;
  readonly event?: string | true;
  readonly flush?: string | true;
  readonly count?: string | true;
  readonly stats?: true;
  readonly src?: string;
  readonly dst?: string;
  readonly replySrc?: string;
  readonly replyDst?: string;
  readonly srcNat?: string | true;
  readonly dstNat?: string | true;
  readonly anyNat?: string | true;
  readonly proto?: string;
  readonly family?: string;
  readonly sport?: string;
  readonly dport?: string;
  readonly replyPortSrc?: string;
  readonly replyPortDst?: string;
  readonly icmpType?: string;
  readonly icmpCode?: string;
  readonly icmpId?: string;
  readonly state?: string;
  readonly timeout?: string;
  readonly mark?: string;
  readonly status?: string;
  readonly zone?: string;
  readonly eventMask?: string;
  readonly zero?: true;
  readonly output: string;
  readonly pid?: string;
}

const PROCESS_OUTPUT: TextOutput = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
};

const COMMANDS = ['dump', 'get', 'delete', 'create', 'update', 'event', 'flush', 'count', 'stats'] as const;
const FORMATS = new Set(['extended', 'id', 'timestamp', 'json']);
const EVENTS: Readonly<Record<string, string>> = {
  NEW: 'NEW',
  UPDATES: 'UPDATE',
  UPDATE: 'UPDATE',
  DESTROY: 'DESTROY',
  ALL: 'ALL',
};
const AF_INET = 2;
const AF_INET6 = 10;
const IPPROTO_TCP = 6;
const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;

const ctType = (message: CtMsg): number => (NFNL_SUBSYS_CTNETLINK << 8) | message;
const expType = (message: CtExpMsg): number => (NFNL_SUBSYS_CTNETLINK_EXP << 8) | message;

interface Told {
  readonly entry: ConntrackEntry;
  readonly message: NlMsg;
}

class Conntracks {
  private readonly formats: ReadonlySet<string>;
  private readonly family: number;

  constructor(
    private readonly router: RunningRouter,
    private readonly options: ConntrackOptions,
    private readonly output: TextOutput,
  ) {
    this.formats = new Set(options.output === '' ? [] : options.output.split(','));
    for (const format of this.formats)
      if (!FORMATS.has(format)) throw new WrongUse(`-o: \`${format}' is none of ${[...FORMATS].join(', ')}`);
    this.family = familyOf(options);
  }

  private say(text: string): void {
    this.output.err(`conntrack: ${text}\n`);
  }

  private line(entry: ConntrackEntry): string {
    const text = conntrackText(entry, { extended: this.formats.has('extended') });
    return this.formats.has('id') ? `${text} id=${entry.id}` : text;
  }

  private print(entries: readonly ConntrackEntry[]): void {
    if (this.formats.has('json')) {
      this.output.out(`${JSON.stringify({ conntrack: entries.map(conntrackJson) })}\n`);
      return;
    }
    for (const entry of entries) this.output.out(`${this.line(entry)}\n`);
  }

  private async chosen(withValues = true): Promise<Told[]> {
    const type = ctType(this.options.zero ? CtMsg.GET_CTRZERO : CtMsg.GET);
    const choose = chooser(this.options, withValues);
    const messages = await this.ask(type, NLM_F_DUMP, this.family);
    return messages
      .map((message) => ({ entry: readConntrack(message), message }))
      .filter(({ entry }) => choose(entry));
  }

  private ask(
    type: number,
    flags: number,
    family: number,
    fill?: (attrs: NlAttrWriter) => void,
  ): Promise<NlMsg[]> {
    return this.router.question(nfMessage({ type, family, flags, seq: 1 }, fill));
  }

  async dump(table: string | true): Promise<number> {
    if (table === 'expect') {
      const messages = await this.ask(expType(CtExpMsg.GET), NLM_F_DUMP, this.family);
      for (const message of messages) this.output.out(`${expectationText(readExpectation(message))}\n`);
      this.say(`${messages.length} expectations have been shown.`);
      return EXIT_DONE;
    }
    const told = await this.chosen();
    this.print(told.map(({ entry }) => entry));
    this.say(`${told.length} flow entries have been shown.`);
    return EXIT_DONE;
  }

  async get(): Promise<number> {
    const { tuple, addresses, family } = this.tuple();
    const found = await this.ask(ctType(CtMsg.GET), 0, family, (attrs) =>
      putTuple(attrs, Cta.TUPLE_ORIG, tuple, addresses),
    ).catch((error: unknown) => {
      if (error instanceof NetError && error.code === 'ENOENT')
        throw new NetError('ENOENT', "such conntrack doesn't exist");
      throw error;
    });
    this.print(found.map(readConntrack));
    this.say(`${found.length} flow entries have been shown.`);
    return EXIT_DONE;
  }

  async delete(): Promise<number> {
    const told = await this.chosen();
    const gone: ConntrackEntry[] = [];
    for (const each of told) {
      // Some end by themselves meanwhile.
      if (await this.change(each, CtMsg.DELETE)) gone.push(each.entry);
    }
    this.print(gone);
    this.say(`${gone.length} flow entries have been deleted.`);
    return gone.length > 0 ? EXIT_DONE : EXIT_FAILED;
  }

  /** False: there is no such connection any more. */
  private async change(
    { entry, message }: Told,
    what: CtMsg,
    fill?: (attrs: NlAttrWriter) => void,
  ): Promise<boolean> {
    const { attrs: told } = readNfMsg(message);
    const question = this.ask(ctType(what), NLM_F_ACK, entry.family, (attrs) => {
      attrs.put(Cta.TUPLE_ORIG | NESTED, told.bytes(Cta.TUPLE_ORIG)!);
      if (entry.zone !== undefined) attrs.u16(Cta.ZONE, entry.zone);
      if (what === CtMsg.DELETE && entry.id !== undefined) attrs.u32(Cta.ID, entry.id);
      fill?.(attrs);
    });
    try {
      await question;
      return true;
    } catch (error) {
      if (error instanceof NetError && error.code === 'ENOENT') return false;
      throw error;
    }
  }

  async update(): Promise<number> {
    const { mark, timeout, status } = this.options;
    if (mark === undefined && timeout === undefined && status === undefined)
      throw new WrongUse('-U needs something to set: --mark, --timeout or --status');
    const told = await this.chosen(false);
    let updated = 0;
    for (const each of told) {
      const done = await this.change(each, CtMsg.NEW, (attrs) => {
        if (mark !== undefined) {
          const { value, mask } = markAndMask(mark);
          attrs.u32(Cta.MARK, ((each.entry.mark & ~mask) | (value & mask)) >>> 0);
        }
        if (timeout !== undefined) attrs.u32(Cta.TIMEOUT, number(timeout, '--timeout'));
        if (status !== undefined) attrs.u32(Cta.STATUS, (each.entry.status | statusBits(status).set) >>> 0);
      });
      if (done) updated++;
    }
    this.print(await this.again(told));
    this.say(`${updated} flow entries have been updated.`);
    return updated > 0 ? EXIT_DONE : EXIT_FAILED;
  }

  /** As they are now. */
  private async again(told: readonly Told[]): Promise<ConntrackEntry[]> {
    const found: ConntrackEntry[] = [];
    for (const { entry, message } of told) {
      const { attrs: was } = readNfMsg(message);
      const now = await this.ask(ctType(CtMsg.GET), 0, entry.family, (attrs) => {
        attrs.put(Cta.TUPLE_ORIG | NESTED, was.bytes(Cta.TUPLE_ORIG)!);
        if (entry.zone !== undefined) attrs.u16(Cta.ZONE, entry.zone);
      }).catch(() => []);
      found.push(...now.map(readConntrack));
    }
    return found;
  }

  /** The tuple that the options describe; the other direction is its reverse where nothing is said of it. */
  private tuple(): { tuple: ConntrackTuple; addresses: Uint8Array[]; family: number } {
    const { src, dst, proto } = this.options;
    if (src === undefined || dst === undefined || proto === undefined)
      throw new WrongUse('the connection is named by --src, --dst, --proto and its ports');
    return this.direction(src, dst, protocolNumber(proto), this.options.sport, this.options.dport);
  }

  private direction(
    src: string,
    dst: string,
    proto: number,
    sport: string | undefined,
    dport: string | undefined,
  ): { tuple: ConntrackTuple; addresses: Uint8Array[]; family: number } {
    const addresses = [src, dst].map((word) => {
      const bytes = parseIp(word)?.bytes;
      if (bytes === undefined) throw new WrongUse(`Invalid IP address \`${word}'`);
      return bytes;
    });
    if (addresses[0]!.length !== addresses[1]!.length)
      throw new WrongUse(`${src} and ${dst} are of different families`);
    const family = addresses[0]!.length === 4 ? AF_INET : AF_INET6;
    const { icmpType = '0', icmpCode = '0', icmpId = '0' } = this.options;
    const isIcmp = proto === IPPROTO_ICMP || proto === IPPROTO_ICMPV6;
    const tuple: ConntrackTuple = {
      src,
      dst,
      proto,
      ...(sport !== undefined && { sport: number(sport, '--sport', 65535) }),
      ...(dport !== undefined && { dport: number(dport, '--dport', 65535) }),
      ...(isIcmp && {
        icmp: {
          id: number(icmpId, '--icmp-id', 65535),
          type: number(icmpType, '--icmp-type', 255),
          code: number(icmpCode, '--icmp-code', 255),
        },
      }),
    };
    return { tuple, addresses, family };
  }

  async create(): Promise<number> {
    const { options } = this;
    const { tuple, addresses, family } = this.tuple();
    if (options.timeout === undefined) throw new WrongUse('-I needs a --timeout');
    const { sport, dport } = options;
    const reply = this.direction(
      options.replySrc ?? tuple.dst,
      options.replyDst ?? tuple.src,
      tuple.proto,
      options.replyPortSrc ?? dport,
      options.replyPortDst ?? sport,
    );
    if (reply.tuple.icmp !== undefined)
      reply.tuple.icmp = { ...reply.tuple.icmp, type: icmpReply(tuple.proto, reply.tuple.icmp.type) };
    const flags = NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
    const made = this.ask(ctType(CtMsg.NEW), flags, family, (attrs) => {
      putTuple(attrs, Cta.TUPLE_ORIG, tuple, addresses);
      putTuple(attrs, Cta.TUPLE_REPLY, reply.tuple, reply.addresses);
      attrs.u32(Cta.TIMEOUT, number(options.timeout!, '--timeout'));
      if (options.mark !== undefined) attrs.u32(Cta.MARK, markAndMask(options.mark).value);
      if (options.status !== undefined) attrs.u32(Cta.STATUS, statusBits(options.status).set | CONFIRMED);
      if (options.zone !== undefined) attrs.u16(Cta.ZONE, number(options.zone, '--zone', 65535));
      if (tuple.proto === IPPROTO_TCP)
        attrs.nest(Cta.PROTOINFO, (info) =>
          info.nest(CTA_PROTOINFO_TCP, (tcp) => tcp.u8(CtaProtoinfoTcp.STATE, tcpState(options.state))),
        );
    });
    await made.catch((error: unknown) => {
      if (error instanceof NetError && error.code === 'EEXIST')
        throw new NetError('EEXIST', 'Such conntrack exists, try -U to update');
      throw error;
    });
    this.say('1 flow entries have been created.');
    return EXIT_DONE;
  }

  async flush(table: string | true): Promise<number> {
    const expect = table === 'expect';
    const type = expect ? expType(CtExpMsg.DELETE) : ctType(CtMsg.DELETE);
    await this.ask(type, NLM_F_ACK, this.family).catch((error: unknown) => {
      // Of a router that tracks nothing.
      if (!(error instanceof NetError) || error.code !== 'ENOENT') throw error;
    });
    this.say(`${expect ? 'expectation' : 'connection tracking'} table has been emptied.`);
    return EXIT_DONE;
  }

  async count(table: string | true): Promise<number> {
    if (table === 'expect') {
      const messages = await this.ask(expType(CtExpMsg.GET), NLM_F_DUMP, this.family);
      this.output.out(`${messages.length}\n`);
      return EXIT_DONE;
    }
    const [message] = await this.ask(ctType(CtMsg.GET_STATS), 0, 0);
    this.output.out(`${message === undefined ? 0 : (readNfMsg(message).attrs.u32(1) ?? 0)}\n`);
    return EXIT_DONE;
  }

  async stats(): Promise<number> {
    const messages = await this.ask(ctType(CtMsg.GET_STATS_CPU), NLM_F_DUMP, 0);
    for (const message of messages) {
      const { attrs, resId } = readNfMsg(message);
      const values = STATS.map(([name, attr]) => `${name}=${attrs.u32(attr) ?? 0} `).join('');
      this.output.out(`cpu=${resId}   \t${values}\n`);
    }
    return EXIT_DONE;
  }

  async event(table: string | true): Promise<number> {
    if (table === 'expect') throw new NetError('EOPNOTSUPP', 'events of expectations are not told');
    const wanted = this.options.eventMask?.split(',').map((word) => {
      const found = EVENTS[word.toUpperCase()];
      if (found === undefined) throw new WrongUse(`\`${word}' unsupported event`);
      return found;
    });
    const choose = chooser(this.options);
    let shown = 0;
    const followed = await this.router.follow('conntrack', (messages) => {
      for (const { kind, entry } of messages.map(readConntrackEvent)) {
        if (wanted !== undefined && !wanted.includes(kind) && !wanted.includes('ALL')) continue;
        if ((this.family !== 0 && entry.family !== this.family) || !choose(entry)) continue;
        shown++;
        this.output.out(this.eventLine(kind, entry));
      }
    });
    const stop = () => followed.stop();
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
    await followed.ended;
    process.removeListener('SIGINT', stop);
    process.removeListener('SIGTERM', stop);
    this.say(`${shown} flow events have been shown.`);
    return EXIT_DONE;
  }

  private eventLine(kind: string, entry: ConntrackEntry): string {
    const time = Date.now() / 1000;
    if (this.formats.has('json'))
      return `${JSON.stringify({ event: kind, ...(this.formats.has('timestamp') && { time }), ...conntrackJson(entry) })}\n`;
    const when = this.formats.has('timestamp') ? `[${time.toFixed(6)}]\t` : '';
    return `${when}${`[${kind}]`.padStart(9)} ${this.line(entry)}\n`;
  }
}

/** NLA_F_NESTED: attributes within it follow as they came. */
const NESTED = 0x8000;
const CONFIRMED = 8;

const STATS: readonly (readonly [string, CtaStats])[] = [
  ['found', CtaStats.FOUND],
  ['invalid', CtaStats.INVALID],
  ['insert', CtaStats.INSERT],
  ['insert_failed', CtaStats.INSERT_FAILED],
  ['drop', CtaStats.DROP],
  ['early_drop', CtaStats.EARLY_DROP],
  ['error', CtaStats.ERROR],
  ['search_restart', CtaStats.SEARCH_RESTART],
  ['clash_resolve', CtaStats.CLASH_RESOLVE],
  ['chaintoolong', CtaStats.CHAIN_TOOLONG],
];

function tcpState(word: string | undefined): number {
  if (word === undefined) throw new WrongUse('-I of tcp needs a --state');
  const found = tcpStateNumber(word);
  if (found < 0) throw new WrongUse(`\`${word}' unsupported TCP state`);
  return found;
}

/** The type that answers: of echo, timestamp, information and address mask. */
function icmpReply(proto: number, type: number): number {
  const answers: Readonly<Record<number, number>> =
    proto === IPPROTO_ICMP
      ? { 8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17 }
      : { 128: 129, 129: 128 };
  return answers[type] ?? type;
}

function familyOf({ family }: ConntrackOptions): number {
  if (family === undefined) return 0;
  if (family === 'ipv4') return AF_INET;
  if (family === 'ipv6') return AF_INET6;
  throw new WrongUse(`\`${family}' unsupported protocol`);
}

export async function runConntrack(
  options: ConntrackOptions,
  output: TextOutput = PROCESS_OUTPUT,
): Promise<number> {
  const given = COMMANDS.filter((name) => options[name] !== undefined);
  if (given.length !== 1) {
    output.err('ww: conntrack: one command of -L -G -D -I -U -E -F -C -S is needed\n');
    return EXIT_WRONG_USE;
  }
  const router = await RunningRouter.open(options.pid === undefined ? undefined : Number(options.pid));
  try {
    return await perform(new Conntracks(router, options, output), given[0]!, options);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    const wrong = error instanceof WrongUse;
    output.err(`conntrack: ${wrong ? '' : 'Operation failed: '}${error.message}\n`);
    return wrong ? EXIT_WRONG_USE : EXIT_FAILED;
  }
}

function perform(
  run: Conntracks,
  what: (typeof COMMANDS)[number],
  options: ConntrackOptions,
): Promise<number> {
  switch (what) {
    case 'dump':
      return run.dump(options.dump!);
    case 'get':
      return run.get();
    case 'delete':
      return run.delete();
    case 'create':
      return run.create();
    case 'update':
      return run.update();
    case 'event':
      return run.event(options.event!);
    case 'flush':
      return run.flush(options.flush!);
    case 'count':
      return run.count(options.count!);
    case 'stats':
      return run.stats();
  }
}
