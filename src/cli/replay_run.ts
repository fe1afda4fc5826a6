/**
 * What `ww replay` does: the router of the file with a virtual clock, captures behind its ports, and what it sends as
 * captures again. Nothing here asks the machine for time, chance or names: the same input gives the same bytes.
 *
 *   router.yaml ─► buildRouter (or a snapshot) ─► Player ─► DIR/PORT.pcapng, DIR/drops.pcapng, DIR/summary.json
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MsgType, TraceSetRec } from '../../assembly/abi/request.js';
import { TRACE_F_DROPS, TRACE_F_EVENTS, TRACE_F_LOG, TRACE_F_NFT } from '../../assembly/abi/trace.js';
import { parseMac } from '../config/ip_address.js';
import type { LinkConfig, RouterConfig } from '../config/router_config.js';
import { loadReplay } from '../core/replay_module.js';
import { FRAME_BYTES_MAX } from '../drivers/driver.js';
import type { Link, LinkInfo } from '../net/link.js';
import type { Namespace } from '../net/namespace.js';
import { NetError } from '../net_error.js';
import { takeRecords } from '../core/trace_ring.js';
import { namespaceRules } from './namespace_rules.js';
import { Explainer } from '../replay/explain.js';
import { earliest, INPUT_BYTES, ReplayInput } from '../replay/input.js';
import type { Moment } from '../replay/moment.js';
import { NeighbourAnswers, type NeighbourMode } from '../replay/neighbours.js';
import { SilentPort } from '../replay/silent_port.js';
import { OUTPUT_BYTES, ReplayOutput } from '../replay/output.js';
import { midnight, Player, type Until } from '../replay/player.js';
import { joinSnapshot, type ReplayPosition, splitSnapshot } from '../replay/replay_snapshot.js';
import { MemoryWindow } from '../replay/window.js';
import { createStack, type Stack } from '../stack.js';
import { PortFigures } from './port_figures.js';
import { type BuildContext, buildRouter, skbsInUse } from './router.js';
import { HeldPort, type RouterPort } from './router_port.js';

const TRACE_BYTES = 1 << 20;
const SMALL_THINGS_BYTES = 1 << 20;
const LARGE_SLOTS = 256;
const LARGE_SLOTS_PER_PORT = 64;
const SLICE_FRAMES = 1 << 16;
/** What waits for a neighbour or for fragments has ended by then, after the last frame. */
const SETTLE_NS = 120e9;
/** What a frame caused is followed so far. */
const FOLLOW_FRAMES = 100_000;
const ROUTER = 'router';

export interface ReplayOptions {
  /** Captures by port, in the order in which they were named. */
  readonly inputs: readonly { readonly port: string; readonly path: string }[];
  /** Folder for what comes out; nothing is written without. */
  readonly outDir?: string;
  readonly seed: number;
  readonly neighbour: NeighbourMode;
  readonly until?: Moment;
  readonly fromSnapshot?: string;
  readonly snapshot?: string;
  /** Tell the way of this frame; nothing else is kept. */
  readonly explain?: number;
  /** The scalar build, as on boards: it gives the same. */
  readonly scalar?: boolean;
  /** Called now and then with the frames played; false ends the replay there. */
  readonly progress?: (frames: number) => boolean | Promise<boolean>;
}

export interface ReplayResult {
  readonly summary: ReplaySummary;
  /** Worth knowing, in sentences. */
  readonly notes: readonly string[];
  readonly interrupted: boolean;
  /** The way of the frame that was asked for, a step a line. */
  readonly explained?: readonly string[];
}

export interface ReplaySummary {
  readonly seed: number;
  readonly frames: { readonly read: number; readonly received: number; readonly answers: number };
  readonly inputs: Readonly<Record<string, object>>;
  readonly ports: Readonly<Record<string, object>>;
  readonly drops: Readonly<Record<string, number>>;
  readonly counters: Readonly<Record<string, number>>;
  /** Seconds since 1970, as text with nanoseconds: the first frame, the clock, the next timer. */
  readonly first: string | null;
  readonly now: string;
  readonly deadline: string | null;
}

/** The router of a replay, built or restored. */
interface Built {
  readonly stack: Stack;
  readonly namespace: Namespace;
  readonly links: readonly LinkInfo[];
  readonly restingSkbs: number;
}

export async function replay(config: RouterConfig, options: ReplayOptions): Promise<ReplayResult> {
  const session = await ReplaySession.open(config, options);
  try {
    return await session.run();
  } finally {
    await session.close();
  }
}

class ReplaySession {
  private constructor(
    private readonly options: ReplayOptions,
    private readonly built: Built,
    private readonly player: Player,
    private readonly inputs: readonly ReplayInput[],
    private readonly outputs: ReadonlyMap<string, ReplayOutput>,
    private readonly drops: ReplayOutput,
    private readonly position: ReplayPosition,
    /** Address of the trace ring. */
    private readonly trace: number,
  ) {}

  static async open(config: RouterConfig, options: ReplayOptions): Promise<ReplaySession> {
    const withPorts = config.links.filter(({ port }) => port !== null);
    checkInputs(withPorts, options.inputs);
    const saved = options.fromSnapshot === undefined ? undefined : readSnapshot(options.fromSnapshot);
    const stack = await createStack({
      clock: 'virtual',
      seed: saved?.position.seed ?? options.seed,
      sizes: {
        largeSlots: LARGE_SLOTS + LARGE_SLOTS_PER_PORT * withPorts.length,
        windowBytes:
          SMALL_THINGS_BYTES + (withPorts.length + 1) * OUTPUT_BYTES + options.inputs.length * INPUT_BYTES,
      },
      ...(options.scalar && { scalar: true }),
      ...(saved && { snapshot: saved.core }),
    });
    const inputs: ReplayInput[] = [];
    try {
      const window = new MemoryWindow(stack.core.instance);
      let player: Player | undefined;
      const macs = new Map<string, Uint8Array>();
      for (const { port, path } of options.inputs) {
        // Known when the links are.
        const own = macs.get(port) ?? new Uint8Array(6);
        macs.set(port, own);
        const place = window.array(INPUT_BYTES);
        const index = withPorts.findIndex(({ name }) => name === port);
        const input = new ReplayInput(index, port, path, own, place, () => player?.work());
        inputs.push(input);
      }
      for (const input of inputs) input.read();
      const position = saved?.position ?? firstPosition(inputs, options.seed);
      // The configuration happens at the time of the first frame.
      stack.clock.set(saved ? position.lastNs : position.firstNs);
      const built = saved ? await adopt(stack, position) : await build(stack, config);
      for (const input of inputs) {
        const info = built.links.find(({ name }) => name === input.portName)!;
        macs.get(input.portName)!.set(parseMac(info.mac)!);
        input.begin(saved ? (position.inputs[inputKey(inputs, input)] ?? 0) : 0);
      }
      const { outDir } = options;
      if (outDir !== undefined) makeFolder(outDir);
      const outputOf = (name: string, interfaces: readonly string[]) =>
        new ReplayOutput(
          stack.core.instance,
          window,
          outDir === undefined ? null : join(outDir, `${name}.pcapng`),
          interfaces,
        );
      const outputs = new Map(withPorts.map(({ name }) => [name, outputOf(name, [name])]));
      // Interface 0 is that of packets that are on no device.
      const drops = outputOf('drops', ['none', ...built.links.map(({ name }) => name)]);
      const answers = new NeighbourAnswers(
        options.neighbour,
        withPorts,
        inputs.map(({ port, path }) => ({ port, path })),
      );
      const trace = await setTrace(stack, TRACE_F_DROPS);
      player = new Player(stack.core.instance, await loadReplay(stack.core.instance), window, {
        inputs,
        drops,
        trace,
        baseSeconds: position.baseSeconds,
        ports: withPorts.map(({ name }) => {
          const { handle, port: rings } = built.links.find((link) => link.name === name)!;
          return { name, handle, rings, output: outputs.get(name)! };
        }),
        dropInterfaces: new Map(built.links.map(({ handle }, i) => [handle, i + 1])),
        ...(options.neighbour !== 'none' && { answer: answers.answer }),
      });
      player.frame = position.frame;
      player.answers = position.answers;
      player.lastNs = position.lastNs;
      return new ReplaySession(options, built, player, inputs, outputs, drops, position, trace);
    } catch (error) {
      for (const input of inputs) input.close();
      await stack.close();
      throw error;
    }
  }

  async run(): Promise<ReplayResult> {
    const { options, player } = this;
    if (options.explain !== undefined) return await this.explain(options.explain);
    const until = options.until === undefined ? {} : this.untilOf(options.until);
    let interrupted = false;
    while (player.play(until, SLICE_FRAMES)) {
      if ((await options.progress?.(player.frame)) !== false) continue;
      interrupted = true;
      break;
    }
    if (options.until === undefined && !interrupted) this.settle();
    player.flush();
    this.built.stack.clock.set(player.now);
    const summary = await this.summary();
    const { outDir, snapshot } = options;
    if (outDir !== undefined) write(join(outDir, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
    if (snapshot !== undefined) write(snapshot, this.snapshot());
    return { summary, notes: this.notes(summary), interrupted };
  }

  private async explain(frame: number): Promise<ReplayResult> {
    const { player, built, trace, options } = this;
    const { instance } = built.stack.core;
    while (player.play({ frame: frame - 1 }, SLICE_FRAMES)) {
      if ((await options.progress?.(player.frame)) === false)
        return { summary: await this.summary(), notes: [], interrupted: true };
    }
    player.flush();
    built.stack.clock.set(player.now);
    await setTrace(built.stack, TRACE_F_EVENTS | TRACE_F_NFT | TRACE_F_LOG);
    player.keepTrace();
    const names = new Map(built.links.map(({ handle, name }) => [handle, name]));
    const deviceName = (handle: number) => names.get(handle) ?? `device ${handle}`;
    const explainer = new Explainer(frame, deviceName, await namespaceRules(built.namespace));
    player.play({ frame }, 1);
    explainer.take(takeRecords(instance, trace), true);
    if (!explainer.received) {
      const why = player.frame >= frame ? 'its port had sent it itself' : `the captures have ${player.frame}`;
      throw new NetError('ENOENT', `frame ${frame} was not received: ${why}`);
    }
    this.follow(explainer);
    return { summary: await this.summary(), notes: [], interrupted: false, explained: explainer.lines };
  }

  /** Plays on until nothing of the frame is under way. */
  private follow(explainer: Explainer): void {
    const { player, built, trace } = this;
    const { instance } = built.stack.core;
    const end = player.now + SETTLE_NS;
    for (let frames = 0; explainer.open && frames < FOLLOW_FRAMES && player.now < end; frames++) {
      const before = player.frame;
      player.play({ frame: before + 1 }, 1);
      if (player.frame === before) {
        if (player.deadline > end) break;
        player.runTimers(player.deadline);
      }
      explainer.take(takeRecords(instance, trace), false);
    }
    if (explainer.open) explainer.lines.push('and has not ended yet');
  }

  async close(): Promise<void> {
    for (const input of this.inputs) input.close();
    for (const output of [...this.outputs.values(), this.drops]) output.close();
    await this.built.stack.close();
  }

  private untilOf(moment: Moment): Until {
    switch (moment.kind) {
      case 'frame':
        return { frame: moment.frame };
      case 'after':
        return { ns: this.position.firstNs + moment.ns };
      case 'at':
        return { ns: Math.max(0, this.player.clockOf(moment.seconds, moment.nanoseconds)) };
    }
  }

  /** Behind the last frame: what still waits comes to its end. */
  private settle(): void {
    const { player, built } = this;
    const end = player.now + SETTLE_NS;
    while (this.skbs() > built.restingSkbs && player.deadline <= end) player.runTimers(player.deadline);
  }

  private skbs(): number {
    const { stack } = this.built;
    stack.clock.set(this.player.now);
    return skbsInUse(stack);
  }

  private snapshot(): Uint8Array {
    const { player, inputs, outputs } = this;
    const written = Object.fromEntries(
      [...outputs].map(([name, output]) => [name, this.writtenBy(name, output)]),
    );
    return joinSnapshot(
      {
        ...this.position,
        net: this.built.namespace.handle,
        restingSkbs: this.built.restingSkbs,
        frame: player.frame,
        answers: player.answers,
        lastNs: player.lastNs,
        inputs: Object.fromEntries(inputs.map((input) => [inputKey(inputs, input), input.done])),
        written: { ...written, drops: this.writtenBy('drops', this.drops) },
      },
      this.built.stack.snapshot(),
    );
  }

  /** In all parts of the replay together. */
  private writtenBy(name: string, output: ReplayOutput): number {
    return (this.position.written[name] ?? 0) + output.frames;
  }

  private async summary(): Promise<ReplaySummary> {
    const { player, inputs, position, built } = this;
    const links = built.links
      .filter(({ kind }) => kind === 'port')
      .map(({ name, ifindex }) => this.link(name, ifindex));
    const { ports, drops } = await new PortFigures(links).totals();
    for (const [name, output] of this.outputs)
      Object.assign(ports[name]!, { written: this.writtenBy(name, output) });
    const counters = Object.entries(await built.namespace.snmp()).filter(([, value]) => value !== 0);
    const done = inputs.reduce((sum, input) => sum + input.done, 0);
    return {
      seed: position.seed,
      frames: {
        read: done,
        received: Object.values(ports).reduce((sum, port) => sum + port.rxFrames, 0) - player.answers,
        answers: player.answers,
      },
      inputs: Object.fromEntries(
        inputs.map((input) => [
          inputKey(inputs, input),
          { frames: input.done, outgoing: input.outgoing, cut: input.cut },
        ]),
      ),
      ports,
      drops: sorted(drops),
      counters: Object.fromEntries(counters),
      first: done === 0 ? null : this.timeText(position.firstNs),
      now: this.timeText(player.now),
      deadline: player.deadline === Infinity ? null : this.timeText(player.deadline),
    };
  }

  private link(name: string, ifindex: number): Link {
    return this.built.namespace.linkAt(name, ifindex);
  }

  private timeText(ns: number): string {
    const seconds = Math.floor(ns / 1e9);
    return `${this.position.baseSeconds + seconds}.${String(ns - seconds * 1e9).padStart(9, '0')}`;
  }

  private notes(summary: ReplaySummary): string[] {
    const notes: string[] = [];
    for (const input of this.inputs) {
      const { portName, path, outgoing, cut, done } = input;
      if (outgoing > 0)
        notes.push(`${path}: ${outgoing} frames that ${portName} itself had sent were passed over`);
      if (cut > 0) notes.push(`${path}: ${cut} frames were not captured whole (capture with tcpdump -s 0)`);
      const port = summary.ports[portName] as { drops: Record<string, number> };
      const other = port.drops.OTHERHOST ?? 0;
      const mac = other * 2 > done ? input.commonDestination() : undefined;
      if (mac !== undefined) {
        const { mac: own } = this.built.links.find(({ name }) => name === portName)!;
        notes.push(
          `${path}: ${other} of ${done} frames were for another MAC than ${own} of ${portName}; ` +
            `to be the router of the capture, write "macaddress: ${mac}" at ${portName}`,
        );
      }
    }
    return notes;
  }
}

function checkInputs(links: readonly LinkConfig[], inputs: ReplayOptions['inputs']): void {
  const names = links.map(({ name }) => name);
  for (const { port } of inputs) {
    if (names.includes(port)) continue;
    throw new NetError('ENODEV', `--in ${port}: the file has no such port; it has ${names.join(', ')}`);
  }
}

/** Two captures of one port are told apart by their place. */
function inputKey(inputs: readonly ReplayInput[], input: ReplayInput): string {
  const same = inputs.filter(({ portName }) => portName === input.portName);
  const at = same.indexOf(input);
  return at === 0 ? input.portName : `${input.portName}#${at + 1}`;
}

function firstPosition(inputs: readonly ReplayInput[], seed: number): ReplayPosition {
  const first = earliest(inputs)?.record;
  const seconds = first?.seconds ?? 0;
  const baseSeconds = midnight(seconds);
  const firstNs = (seconds - baseSeconds) * 1e9 + (first?.nanoseconds ?? 0);
  return {
    ...{ seed, baseSeconds, firstNs, lastNs: firstNs, frame: 0, answers: 0, restingSkbs: 0, net: 0 },
    ...{ inputs: {}, written: {} },
  };
}

async function build(stack: Stack, config: RouterConfig): Promise<Built> {
  const quiet = { info() {}, warn() {} } as unknown as BuildContext['log'];
  const openPort = (link: LinkConfig): RouterPort => ({
    driver: new HeldPort(new SilentPort(link.name)),
    isFile: true,
    drained: () => true,
  });
  const { namespace, restingSkbs } = await buildRouter(stack, config, { log: quiet, openPort });
  return { stack, namespace, links: await namespace.links(), restingSkbs };
}

async function adopt(stack: Stack, { net, restingSkbs }: ReplayPosition): Promise<Built> {
  const namespace = stack.adopt(ROUTER, net);
  return { stack, namespace, links: await namespace.links(), restingSkbs };
}

/** What is recorded, frames whole. */
async function setTrace(stack: Stack, flags: number): Promise<number> {
  const view = await stack.core.request(
    {
      type: MsgType.TRACE_SET,
      bytes: TraceSetRec.SIZE,
      fill: (v, at) => {
        v.setUint32(at + TraceSetRec.FLAGS, flags, true);
        v.setUint32(at + TraceSetRec.BYTES, TRACE_BYTES, true);
        v.setUint32(at + TraceSetRec.SNAPLEN, FRAME_BYTES_MAX, true);
      },
    },
    'trace',
  );
  return view.getUint32(TraceSetRec.RING, true);
}

function readSnapshot(file: string): { position: ReplayPosition; core: Uint8Array } {
  return splitSnapshot(
    attempt(file, 'read', () => readFileSync(file)),
    file,
  );
}

function write(file: string, content: string | Uint8Array): void {
  attempt(file, 'write', () => writeFileSync(file, content));
}

function makeFolder(folder: string): void {
  attempt(folder, 'make the folder', () => mkdirSync(folder, { recursive: true }));
}

function attempt<T>(file: string, what: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'EIO';
    throw new NetError(code, `cannot ${what} ${file}: ${code}`, { cause });
  }
}

function sorted(figures: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(figures).sort(([a], [b]) => (a < b ? -1 : 1)));
}
