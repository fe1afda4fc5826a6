/**
 * A router offline for one ruleset: ports in memory, a virtual clock, every step of every packet recorded. What `ww nft test` and
 * `ww nft run` put their packets through; the core is the one of `ww up`.
 *
 *   receive(port, frame) ─► MemoryPort ─► core ─► MemoryPort ─► sent(port)
 *                                           └─► trace ring ─► records()
 */
import { MsgType, TraceSetRec } from '../../assembly/abi/request.js';
import { TRACE_F_EVENTS, TRACE_F_LOG, TRACE_F_NFT, TRACE_F_NFT_STEPS } from '../../assembly/abi/trace.js';
import type { LinkConfig, RouterConfig } from '../config/router_config.js';
import { lostRecords, takeRecords, type TraceRecord } from '../core/trace_ring.js';
import type { LinkInfo } from '../net/link.js';
import type { Namespace } from '../net/namespace.js';
import { joinMessages } from '../netlink/nlmsg.js';
import type { Command } from '../nft/ast.js';
import { type SystemNames, systemNames } from '../nft/datatype/names.js';
import { encodeBatch } from '../nft/encode/message.js';
import type { IrCommand } from '../nft/ir.js';
import { compile } from '../nft/nft.js';
import { createStack, type Stack } from '../stack.js';
import { MemoryPort } from '../tools/firewall/memory_port.js';
import { numbered, RuleNames } from '../tools/firewall/rule_names.js';
import { buildRouter } from './router.js';
import { HeldPort } from './router_port.js';
import type { BuildContext } from './router.js';
import { throwRefused } from './nft_refused.js';

const TRACE_BYTES = 1 << 20;
const SNAPLEN = 70_000;
/** For reports to multicast routers and the like, which a router sends when its links come up. */
const SETTLE_MS = 3000;
const MESSAGE_MS = 1;

export interface BenchOptions {
  readonly seed?: number;
  /** Record rules that do not match and lookups in sets, too. */
  readonly steps?: boolean;
}

export class NftBench {
  rules: RuleNames = new RuleNames();
  private constructor(
    readonly stack: Stack,
    readonly namespace: Namespace,
    readonly links: readonly LinkInfo[],
    private readonly ports: ReadonlyMap<string, MemoryPort>,
  ) {}

  private ring = 0;
  private loaded: Command[] = [];
  private names: SystemNames = systemNames();
  private readonly queues = new Set<number>();

  static async open(config: RouterConfig, options: BenchOptions = {}): Promise<NftBench> {
    const stack = await createStack({ clock: 'virtual', seed: options.seed ?? 1 });
    try {
      const ports = new Map<string, MemoryPort>();
      const openPort = ({ name }: LinkConfig) => {
        const port = new MemoryPort(name);
        ports.set(name, port);
        return { driver: new HeldPort(port), isFile: true, drained: () => true };
      };
      const quiet = { info() {}, warn() {} } as unknown as BuildContext['log'];
      const router = await buildRouter(stack, config, { log: quiet, openPort });
      for (const { driver } of router.ports) driver.release();
      stack.run(SETTLE_MS);
      const links = await router.namespace.links();
      const bench = new NftBench(stack, router.namespace, links, ports);
      const ifindex = new Map(links.map((link) => [link.name, link.ifindex]));
      bench.names = systemNames((name) => ifindex.get(name));
      for (const port of ports.values()) port.sent.length = 0;
      const steps = options.steps === true ? TRACE_F_NFT_STEPS : 0;
      await bench.trace(TRACE_F_EVENTS | TRACE_F_NFT | TRACE_F_LOG | steps);
      return bench;
    } catch (error) {
      await stack.close();
      throw error;
    }
  }

  /** Loads commands of the language on top of those before; throws RulesetErrors. */
  async load(commands: readonly Command[]): Promise<void> {
    const all = [...this.loaded, ...commands];
    const told = this.loaded.length === 0 ? 0 : compile(this.loaded, { names: this.names }).ir.length;
    const ir = numbered(compile(all, { names: this.names }).ir);
    const messages = encodeBatch(ir.slice(told));
    const acks = await this.namespace.nfnl.batch(joinMessages(messages.map(({ bytes }) => bytes)));
    throwRefused(messages, acks);
    await this.listen(ir);
    this.loaded = all;
    this.rules = await RuleNames.of(this.namespace.nfnl, ir);
  }

  /** A program that takes what is queued and never answers: without one the core drops it. */
  private async listen(ir: readonly IrCommand[]): Promise<void> {
    for (const { thing } of ir) {
      if (thing.kind !== 'rule') continue;
      for (const expr of thing.exprs) {
        if (expr.kind !== 'queue') continue;
        for (let num = expr.num; num < expr.num + expr.total; num++) {
          if (this.queues.has(num)) continue;
          this.queues.add(num);
          await this.namespace.nfqueue(num, () => {});
        }
      }
    }
  }

  get portNames(): string[] {
    return [...this.ports.keys()];
  }

  /** A frame comes in by a port, and all that follows from it at once. */
  receive(port: string, frame: Uint8Array): void {
    this.ports.get(port)!.receive(frame);
    this.stack.run(MESSAGE_MS);
  }

  /** A packet of the router's own. */
  async send(packet: Uint8Array): Promise<void> {
    await this.namespace.send(packet[0]! >> 4 === 4 ? 2 : 10, packet);
    this.stack.run(MESSAGE_MS);
  }

  wait(ms: number): void {
    this.stack.run(ms);
  }

  /** What left by a port since the last time. */
  sent(port: string): Uint8Array[] {
    return this.ports.get(port)!.sent.splice(0);
  }

  /** What the core recorded since the last time. */
  records(): TraceRecord[] {
    return takeRecords(this.stack.core.instance, this.ring);
  }

  get lost(): number {
    return lostRecords(this.stack.core.instance, this.ring);
  }

  linkOf(name: string): LinkInfo | undefined {
    return this.links.find((link) => link.name === name);
  }

  deviceName(handle: number): string {
    return this.links.find((link) => link.handle === handle)?.name ?? `device ${handle}`;
  }

  private async trace(flags: number): Promise<void> {
    const view = await this.stack.core.request(
      {
        type: MsgType.TRACE_SET,
        bytes: TraceSetRec.SIZE,
        fill: (v, at) => {
          v.setUint32(at + TraceSetRec.FLAGS, flags, true);
          v.setUint32(at + TraceSetRec.BYTES, TRACE_BYTES, true);
          v.setUint32(at + TraceSetRec.SNAPLEN, SNAPLEN, true);
        },
      },
      'trace',
    );
    this.ring = view.getUint32(TraceSetRec.RING, true);
  }

  close(): Promise<void> {
    return this.stack.close();
  }
}
