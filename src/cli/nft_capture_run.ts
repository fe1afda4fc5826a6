/**
 * What `ww nft run` does: the frames of captures, in the order of time, through a ruleset in a router in memory; a line for what
 * became of each.
 */
import { TraceKind } from '../../assembly/abi/trace.js';
import { formatDiagnostic } from '../config/diagnostic.js';
import { formatIpv4, formatIpv6, parseMac } from '../config/ip_address.js';
import { loadRouterConfig } from '../config/netplan.js';
import type { RouterConfig } from '../config/router_config.js';
import type { TraceRecord } from '../core/trace_ring.js';
import { LINKTYPE_ETHERNET } from '../drivers/capture.js';
import { fileSource, openCapture } from '../drivers/capture_file.js';
import { NetError } from '../net_error.js';
import type { Command } from '../nft/ast.js';
import { NftError } from '../nft/error.js';
import { RulesetErrors } from '../nft/evaluate/command.js';
import { readSource } from '../nft/grammar/include.js';
import { readCommands } from '../nft/nft.js';
import { getBits } from '../tools/packet/bits.js';
import { type Dissected, dissect, packetText, valueText } from '../tools/packet/dissect.js';
import { connectionOf, connectionText } from '../tools/firewall/connection.js';
import { interfaceNames } from '../tools/firewall/interface_names.js';
import { type Outcome, outcomeOf, decisionText } from '../tools/firewall/outcome.js';
import { peerMac, suiteRouter } from '../tools/firewall/suite_config.js';
import { EXIT_DONE, EXIT_WRONG_USE, type TextOutput } from './command_line.js';
import { NftBench } from './nft_bench.js';
import type { NftCaptureOptions } from './nft_capture.js';
import { rejectedWith } from './nft_test_expect.js';
import { logsOf, wayOf } from './nft_test_run.js';
import { paint, useColor } from './screen.js';

const PROCESS_OUTPUT: TextOutput = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
};
const DAY_S = 86_400;
const AF_INET = 2;
/** Of the same address: more senders than this are routed as all others. */
const SENDERS_MAX = 10_000;

interface CapturedFrame {
  readonly port: string;
  readonly number: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly data: Uint8Array;
}

export async function runNftCapture(
  rules: string,
  options: NftCaptureOptions,
  output: TextOutput = PROCESS_OUTPUT,
): Promise<number> {
  let bench: NftBench | undefined;
  try {
    const ruleset = readCommands(readSource(rules), { json: true });
    const config = await configOf(options, ruleset, output);
    if (config === undefined) return EXIT_WRONG_USE;
    const frames = readFrames(options.in);
    const first = frames[0];
    const midnight = first === undefined ? 0 : Math.floor(first.seconds / DAY_S) * DAY_S;
    bench = await NftBench.open(config, { seed: options.seed, steps: options.explain !== undefined });
    const run = new CaptureRun(bench, options, output, midnight);
    if (options.config === undefined) await run.arrange(frames);
    await bench.load(ruleset);
    bench.records();
    await run.play(frames);
    return EXIT_DONE;
  } catch (error) {
    if (error instanceof RulesetErrors) for (const each of error.errors) output.err(`${each.toString()}\n`);
    else if (error instanceof NftError) output.err(`${error.toString()}\n`);
    else if (error instanceof NetError) output.err(`ww: ${error.message}\n`);
    else throw error;
    return EXIT_WRONG_USE;
  } finally {
    await bench?.close();
  }
}

async function configOf(
  options: NftCaptureOptions,
  ruleset: readonly Command[],
  output: TextOutput,
): Promise<RouterConfig | undefined> {
  const inputs = options.in.map(({ port }) => port);
  if (options.config === undefined) {
    const bridge = ruleset.some((command) => command.kind === 'add' && command.object.family === 'bridge');
    const common = { file: '--in', interfaces: [], routes: [], sysctls: [] };
    return suiteRouter(common, [...inputs, ...interfaceNames(ruleset)], bridge).config;
  }
  const found = await loadRouterConfig(options.config);
  if (found.kind === 'wrong') {
    for (const error of found.errors) output.err(formatDiagnostic(error));
    return undefined;
  }
  const { nftables: _, ...config } = found.config;
  const ports = config.links.filter(({ port }) => port !== null).map(({ name }) => name);
  const unknown = inputs.find((port) => !ports.includes(port));
  if (unknown !== undefined)
    throw new NetError(
      'ENODEV',
      `--in ${unknown}: ${options.config} has no such port; it has ${ports.join(', ')}`,
    );
  return config;
}

function readFrames(inputs: NftCaptureOptions['in']): CapturedFrame[] {
  const all: CapturedFrame[] = [];
  for (const { port, path } of inputs) {
    const source = fileSource(path);
    try {
      const reader = openCapture(source);
      let number = 0;
      for (let record = reader.next(); record !== undefined; record = reader.next()) {
        number++;
        if (record.linkType !== LINKTYPE_ETHERNET) {
          const what = `link type ${record.linkType}; a port takes Ethernet frames, ${LINKTYPE_ETHERNET}`;
          throw new NetError('EPROTONOSUPPORT', `${path}: frame ${number}: ${what}`);
        }
        if (record.direction === 'tx') continue;
        const { seconds, nanoseconds } = record;
        all.push({ port, number, seconds, nanoseconds, data: Uint8Array.from(record.data) });
      }
    } finally {
      source.close();
    }
  }
  if (inputs.length === 1) return all;
  const sorted = all.toSorted((a, b) => a.seconds - b.seconds || a.nanoseconds - b.nanoseconds);
  return sorted.map((frame, at) => ({ ...frame, number: at + 1 }));
}

class CaptureRun {
  private readonly color: boolean;
  private readonly asIs: boolean;

  constructor(
    private readonly bench: NftBench,
    private readonly options: NftCaptureOptions,
    private readonly output: TextOutput,
    private readonly midnight: number,
  ) {
    this.color = output.color ?? useColor(process.stdout);
    this.asIs = options.config !== undefined;
  }

  /** Routes to whom the captures show, behind one gateway a port; the rest to wan0 or the last port. */
  async arrange(frames: readonly CapturedFrame[]): Promise<void> {
    const { namespace, portNames } = this.bench;
    const gateways = new Map<string, { four: string; six: string; oif: number }>();
    for (const [index, name] of portNames.entries()) {
      const link = await namespace.link(name);
      const four = `192.0.2.${index + 101}`;
      const six = `2001:db8:ff::${(index + 101).toString(16)}`;
      for (const address of [four, six]) {
        await namespace.addRoute({
          to: address.includes(':') ? `${address}/128` : `${address}/32`,
          oif: link.ifindex,
        });
        await namespace.addNeighbour(link, { address, mac: peerMac(index) });
      }
      gateways.set(name, { four, six, oif: link.ifindex });
    }
    const last = gateways.get(portNames.includes('wan0') ? 'wan0' : portNames.at(-1)!)!;
    await namespace.addRoute({ to: '0.0.0.0/0', via: last.four, oif: last.oif, onLink: true });
    await namespace.addRoute({ to: '::/0', via: last.six, oif: last.oif, onLink: true });
    const senders = new Map<string, string>();
    for (const { port, data } of frames) {
      const source = addressOf(dissect(data), 'saddr');
      if (source !== undefined && !senders.has(source) && senders.size < SENDERS_MAX)
        senders.set(source, port);
    }
    for (const [source, port] of senders) {
      if (isSpecial(source)) continue;
      const { four, six, oif } = gateways.get(port)!;
      const to = source.includes(':') ? `${source}/128` : `${source}/32`;
      const via = source.includes(':') ? six : four;
      await namespace.addRoute({ to, via, oif, onLink: true }, 'replace');
    }
  }

  async play(frames: readonly CapturedFrame[]): Promise<void> {
    const { options, bench } = this;
    for (const frame of frames) {
      this.advance(frame);
      const records = await this.give(frame);
      if (typeof options.explain === 'number' && frame.number !== options.explain) continue;
      this.tell(frame, records);
      if (frame.number === options.explain) return;
    }
    if (typeof options.explain === 'number')
      throw new NetError('ENOENT', `--explain ${options.explain}: the captures have ${frames.length} frames`);
    if (bench.lost > 0) this.output.err(`ww: ${bench.lost} steps found no room and are not told\n`);
  }

  /** The clock is that of the captures, from midnight (UT) of their first day on. */
  private advance({ seconds, nanoseconds }: CapturedFrame): void {
    const ns = (seconds - this.midnight) * 1e9 + nanoseconds;
    const now = this.bench.stack.clock.now();
    if (ns > now) this.bench.stack.core.runUntil(ns);
    this.bench.records();
  }

  private async give({ port, data }: CapturedFrame): Promise<TraceRecord[]> {
    const { bench } = this;
    bench.receive(port, this.asIs ? data : forUs(data, bench.linkOf(port)!.mac));
    let records = bench.records();
    // Whoever is asked for answers at once.
    for (let round = 0; round < 3; round++) {
      const asked = records.filter(({ kind }) => kind === TraceKind.SOLICIT);
      if (asked.length === 0) break;
      for (const { device, b, data: where } of asked) {
        const address = b === AF_INET ? formatIpv4(where.subarray(0, 4)) : formatIpv6(where.subarray(0, 16));
        const name = bench.deviceName(device);
        const mac = peerMac(Math.max(0, bench.portNames.indexOf(name)));
        await bench.namespace.addNeighbour(await bench.namespace.link(name), { address, mac });
      }
      bench.wait(0);
      const more = bench.records();
      if (more.length === 0) break;
      records = [...records, ...more];
    }
    for (const name of bench.portNames) bench.sent(name);
    return records;
  }

  private tell(frame: CapturedFrame, records: readonly TraceRecord[]): void {
    const { bench, options, output } = this;
    const outcome = outcomeOf(records, bench.rules);
    const before = dissect(frame.data);
    const after = outcome.frame === undefined ? undefined : dissect(outcome.frame);
    const changes = after === undefined ? [] : rewritten(before, after);
    const logs = logsOf(records, bench);
    const way = options.explain === undefined ? undefined : wayOf(records, bench);
    const connection = connectionOf(records);
    if (options.json) {
      const oif = outcome.oif === undefined ? null : bench.deviceName(outcome.oif);
      const { decision } = outcome;
      const rule = decision?.rule;
      const line = {
        frame: frame.number,
        port: frame.port,
        time: `${frame.seconds}.${String(frame.nanoseconds).padStart(9, '0')}`,
        verdict: outcome.verdict,
        ...(outcome.verdict === 'reject' && { with: rejectedWith(outcome) }),
        ...(outcome.reason !== undefined && { reason: outcome.reason }),
        chain: decision?.chain ?? null,
        rule:
          rule === undefined
            ? null
            : {
                place: rule.place ?? null,
                text: rule.text,
                ...(rule.comment !== undefined && { comment: rule.comment }),
              },
        packet: packetText(before),
        oif,
        delivered: outcome.delivered,
        rewritten: Object.fromEntries(changes.map(({ field, from, to }) => [field, { from, to }])),
        ct: connection ?? null,
        answers: outcome.answers.map(({ device, frame: bytes }) => ({
          oif: bench.deviceName(device),
          packet: packetText(dissect(bytes)),
        })),
        ...(logs.length > 0 && { logs }),
        ...(way && { way }),
      };
      output.out(`${JSON.stringify(line)}\n`);
      return;
    }
    output.out(
      `${this.line(frame, outcome, packetText(before), changes, connection && connectionText(connection))}\n`,
    );
    for (const log of way === undefined ? logs : []) output.out(`      ${log}\n`);
    for (const step of way ?? []) output.out(`      ${step}\n`);
  }

  private line(
    { number, port }: CapturedFrame,
    outcome: Outcome,
    packet: string,
    changes: readonly Change[],
    connection: string | undefined,
  ): string {
    const { verdict, oif, delivered } = outcome;
    const style = verdict === 'accept' ? 'green' : verdict === 'none' ? 'yellow' : 'red';
    const where = delivered ? 'arrives' : oif === undefined ? '' : `to ${this.bench.deviceName(oif)}`;
    const how = verdict === 'reject' ? `with ${rejectedWith(outcome)}` : where;
    const parts = [
      packet,
      ...(how === '' ? [] : [how]),
      ...changes.map(({ field, to }) => `${field} -> ${to}`),
      ...(connection === undefined ? [] : [`ct ${connection}`]),
      decisionText(outcome),
    ];
    return `${String(number).padStart(4)}  ${port.padEnd(8)} ${paint(verdict.padEnd(6), style, this.color)}  ${parts.join(' | ')}`;
  }
}

interface Change {
  readonly field: string;
  readonly from: string;
  readonly to: string;
}

/** What routing changes anyway, and what follows from the rest. */
const NOT_TOLD = new Set(['checksum', 'ttl', 'hoplimit', 'length']);

function rewritten(before: Dissected, after: Dissected): Change[] {
  const changes: Change[] = [];
  for (const { proto, at } of before.layers) {
    if (proto.base === 'll') continue;
    const other = after.layers.find((layer) => layer.proto === proto);
    if (other === undefined) continue;
    for (const { name, offset, len, type } of proto.fields) {
      if (NOT_TOLD.has(name)) continue;
      const was = getBits(before.frame, at * 8 + offset, len);
      const is = getBits(after.frame, other.at * 8 + offset, len);
      if (was === undefined || is === undefined || was === is) continue;
      if (changes.some(({ field }) => field === `${proto.name} ${name}`)) continue;
      changes.push({ field: `${proto.name} ${name}`, from: valueText(was, type), to: valueText(is, type) });
    }
  }
  return changes;
}

function addressOf({ frame, layers }: Dissected, name: string): string | undefined {
  const layer = layers.find(({ proto }) => proto.name === 'ip' || proto.name === 'ip6');
  const field = layer?.proto.fields.find((each) => each.name === name);
  const value = layer && field && getBits(frame, layer.at * 8 + field.offset, field.len);
  return value === undefined || field === undefined ? undefined : valueText(value, field.type);
}

/** No host that could be routed to. */
const isSpecial = (address: string): boolean =>
  /^(?:0\.|127\.|255\.|22[4-9]\.|23\d\.)/.test(address) ||
  address === '::' ||
  address === '::1' ||
  /^f[ef]/i.test(address);

/** The frame as one to this MAC address, unless it is to a group. */
function forUs(frame: Uint8Array, mac: string): Uint8Array {
  if (frame.length < 14 || (frame[0]! & 1) !== 0) return frame;
  const copy = Uint8Array.from(frame);
  copy.set(parseMac(mac)!, 0);
  return copy;
}
