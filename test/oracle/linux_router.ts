/**
 * Linux's own router as a target: a network namespace with two TAPs per run, plain ones (no vnet header), so that
 * nothing is merged or left undone. A frame written to a TAP is handled within write(2); an ARP request of a host that
 * no case uses follows each step, and its answer says that all before it is done.
 */
import { execFileSync } from 'node:child_process';
import { close, closeSync, existsSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import * as tun from '../../src/sys/if_tun.js';
import { inNetns } from '../../src/sys/netns.js';
import { O_NONBLOCK, O_RDWR, POLLIN, Sys } from '../../src/sys/sys.js';
import { enterOwnNetns } from '../kernel/netns.js';
import { NetfilterSocket } from '../kernel/netfilter_socket.js';
import { nftOf } from './nat_rule.js';
import { arp, be16, cat, ETH_P_ARP, ipBytes, mac } from './packet.js';
import {
  EARLY_SYSCTL,
  type FrameStep,
  ipLines,
  type Output,
  type PortName,
  PORTS,
  ROUTER_MAC,
  type Session,
  type Setup,
  STANDARD_SYSCTL,
  type Step,
  type Target,
} from './router.js';

const ETH_P_8021Q = 0x8100;
/** Below this, Linux takes IPv6 off a link. */
const IPV6_MIN_MTU = 1280;
const FRAME_BYTES = 70_000;
/** Of a TAP, for what a burst causes. */
const QUEUE_FRAMES = 4096;
const SENTINEL_MAC = '02:00:00:00:01:fe';
/** How long Linux may take to answer the end marker. */
const PATIENCE_MS = 2000;

/**
 * What only Linux needs to be still: no addresses from routers, one listener report a link and not more, and see normalise.ts for
 * auto_flowlabels.
 */
const LINUX_SYSCTL: Readonly<Record<string, number>> = {
  'net.ipv6.conf.all.accept_dad': 0,
  'net.ipv6.conf.lan0.addr_gen_mode': 1,
  'net.ipv6.conf.wan0.addr_gen_mode': 1,
  'net.ipv6.conf.lan0.accept_ra': 0,
  'net.ipv6.conf.wan0.accept_ra': 0,
  'net.ipv6.conf.lan0.mldv2_unsolicited_report_interval': 100_000_000,
  'net.ipv6.conf.wan0.mldv2_unsolicited_report_interval': 100_000_000,
  'net.ipv6.auto_flowlabels': 0,
};

/** Where br_netfilter is part of the kernel it looks at what a bridge forwards; ours has none. */
const BRIDGE_SYSCTL: Readonly<Record<string, number>> = {
  'net.bridge.bridge-nf-call-arptables': 0,
  'net.bridge.bridge-nf-call-iptables': 0,
  'net.bridge.bridge-nf-call-ip6tables': 0,
};

function sysctl(values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    writeFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, String(value));
  }
}

class Tap {
  readonly fd: number;

  constructor(
    private readonly sys: Sys,
    private readonly buffer: Uint8Array,
    name: string,
  ) {
    this.fd = sys.open('/dev/net/tun', O_RDWR | O_NONBLOCK, `tap ${name}`);
    const errno = sys.ioctl(this.fd, tun.TUNSETIFF, tun.packIfreqFlags(name, tun.IFF_TAP | tun.IFF_NO_PI));
    if (errno !== 0) throw new Error(`TUNSETIFF ${name}: errno ${errno}`);
  }

  write(frame: Uint8Array): void {
    this.buffer.set(frame);
    const n = this.sys.write(this.fd, this.sys.addressOf(this.buffer), frame.length);
    if (n !== frame.length) throw new Error(`write to TAP: errno ${this.sys.errno()}`);
  }

  read(): Uint8Array | undefined {
    const n = this.sys.read(this.fd, this.sys.addressOf(this.buffer), FRAME_BYTES);
    return n > 0 ? this.buffer.slice(0, n) : undefined;
  }

  waiting(): boolean {
    return (this.sys.pollNow(this.fd, POLLIN) & POLLIN) !== 0;
  }

  /** Not by Sys: the kernel takes 30 ms to take a TAP away, which a thread of libuv can wait for. */
  close(): Promise<void> {
    return new Promise((resolve) => close(this.fd, () => resolve()));
  }
}

type Taps = Record<PortName, Tap>;

function sentinel({ marker }: Setup): Uint8Array {
  return cat(
    mac(ROUTER_MAC.lan0),
    mac(SENTINEL_MAC),
    marker === undefined ? new Uint8Array(0) : be16(marker.tpid ?? ETH_P_8021Q, marker.id),
    be16(ETH_P_ARP),
    arp({ sha: SENTINEL_MAC, spa: '192.0.2.254', tpa: '192.0.2.1' }),
  );
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function count(lines: readonly string[], start: string): number {
  return lines.filter((line) => line.startsWith(start)).length;
}

function mtuOf(lines: readonly string[], device: string): number {
  const set = lines
    .map((line) => /^link set (\S+) mtu (\d+)$/.exec(line))
    .filter((found) => found?.[1] === device);
  return Number(set.at(-1)?.[2] ?? 1500);
}

function isSentinelReply(frame: Uint8Array): boolean {
  return mac(SENTINEL_MAC).every((byte, i) => frame[i] === byte);
}

const PAUSE = new Int32Array(new SharedArrayBuffer(4));
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class LinuxRouter implements Target<LinuxSession> {
  readonly name = 'Linux';
  private readonly sys = new Sys();
  private readonly buffer = new Uint8Array(new SharedArrayBuffer(FRAME_BYTES));

  private closing: Promise<void>[] = [];

  /** Sessions may overlap: the thread is in the namespace only to make it, and for single calls. */
  async open(setup: Setup): Promise<LinuxSession> {
    const taps = {} as Taps;
    try {
      const netns = enterOwnNetns();
      try {
        for (const port of PORTS) taps[port] = new Tap(this.sys, this.buffer, port);
        this.configure(setup);
        this.awaitAddresses(setup);
        const held = openSync('/proc/thread-self/ns/net', 'r');
        // It shows the namespace in which it was opened, whenever it is read.
        const connections =
          setup.conntrack === undefined ? undefined : openSync('/proc/thread-self/net/nf_conntrack', 'r');
        return new LinuxSession(this.sys, taps, sentinel(setup), held, connections, () =>
          this.closeTaps(taps),
        );
      } finally {
        netns.leave();
      }
    } catch (error) {
      this.closeTaps(taps);
      throw error;
    }
  }

  async run(setup: Setup, steps: readonly Step[]): Promise<Output> {
    const session = await this.open(setup);
    try {
      return await session.drive(steps);
    } finally {
      await session.close();
    }
  }

  private closeTaps(taps: Taps): void {
    for (const tap of Object.values(taps)) this.closing.push(tap.close());
  }

  async close(): Promise<void> {
    await Promise.all(this.closing);
  }

  private configure(setup: Setup): void {
    sysctl({ ...EARLY_SYSCTL, ...LINUX_SYSCTL });
    if (existsSync('/proc/sys/net/bridge')) sysctl(BRIDGE_SYSCTL);
    const links = PORTS.map(
      (port) => `link set ${port} address ${ROUTER_MAC[port]} txqueuelen ${QUEUE_FRAMES} up`,
    );
    this.ip(['link set lo up', ...links, ...ipLines(setup)]);
    // Not even a queue's run may be left to another thread: a frame is out when the call that causes it returns.
    this.batch(
      'tc',
      PORTS.map((port) => `qdisc replace dev ${port} root noqueue`),
    );
    if (setup.bridge !== undefined) this.batch('bridge', setup.bridge);
    sysctl(STANDARD_SYSCTL);
    if (setup.conntrack !== undefined)
      execFileSync('nft', ['-f', '-'], { input: setup.conntrack, stdio: ['pipe', 'pipe', 'pipe'] });
    if (setup.nat !== undefined)
      execFileSync('nft', ['-f', '-'], {
        input: nftOf(setup.nat, setup.helpers),
        stdio: ['pipe', 'pipe', 'pipe'],
      });
    sysctl(setup.sysctl ?? {});
  }

  /** An IPv6 address becomes one of the router some time after ip(8) returned: Linux does that by a work queue. */
  private awaitAddresses(setup: Setup): void {
    const lines = ipLines(setup);
    const devices = new Set(lines.flatMap((line) => / dev (\S+)/.exec(line)?.[1] ?? []));
    const without6 = [...devices].filter(
      (device) =>
        mtuOf(lines, device) < IPV6_MIN_MTU ||
        lines.includes(`link set ${device} down`) ||
        setup.sysctl?.[`net.ipv6.conf.${device}.disable_ipv6`] === 1,
    );
    const awaited = lines.flatMap((line) => {
      const found = /^addr add (\S+:\S*)\/\d+ dev (\S+)/.exec(line);
      const deleted = lines.includes(line.replace('addr add', 'addr del').replace(' nodad', ''));
      return found === null || deleted || without6.includes(found[2]!)
        ? []
        : [`${hex(ipBytes(found[1]!))} 80 `];
    });
    const begin = performance.now();
    for (;;) {
      const routes = readFileSync('/proc/thread-self/net/ipv6_route', 'utf8').split('\n');
      const missing = awaited.find((key) => count(routes, key) < count(awaited, key));
      if (missing === undefined) return;
      if (performance.now() - begin > PATIENCE_MS) throw new Error(`Linux has no local route for ${missing}`);
      Atomics.wait(PAUSE, 0, 0, 1);
    }
  }

  /** Lines with `-6` in front, which ip -batch does not take, are batches of their own. */
  private ip(lines: readonly string[]): void {
    for (let from = 0, to = 0; from < lines.length; from = to) {
      const six = lines[from]!.startsWith('-6 ');
      while (to < lines.length && lines[to]!.startsWith('-6 ') === six) to++;
      const part = lines.slice(from, to).map((line) => line.replace(/^-6 /, ''));
      this.batch('ip', part, six ? ['-6'] : []);
    }
  }

  private batch(
    command: 'ip' | 'bridge' | 'tc',
    lines: readonly string[],
    options: readonly string[] = [],
  ): void {
    try {
      execFileSync(command, [...options, '-batch', '-'], {
        input: `${lines.join('\n')}\n`,
        stdio: ['pipe', 'pipe', 'pipe'],
      });
    } catch (error) {
      const { stderr } = error as { stderr?: Buffer };
      throw new Error(`${command} -batch: ${stderr?.toString() ?? error}\n${lines.join('\n')}`);
    }
  }
}

export class LinuxSession implements Session {
  private socket: NetfilterSocket | undefined;

  constructor(
    private readonly sys: Sys,
    private readonly taps: Taps,
    private readonly marker: Uint8Array,
    /** Descriptor of its namespace. */
    private readonly netns: number,
    /** Descriptor of its list of connections, when that is to be noted. */
    private readonly connections: number | undefined,
    private readonly ended: () => void,
  ) {}

  /** Runs `call`, which must not be asynchronous, in the namespace. */
  inside<T>(call: () => T): T {
    return inNetns(this.sys, `/proc/self/fd/${this.netns}`, 'oracle', call);
  }

  /** Loads a ruleset with nft(8). */
  nft(text: string): void {
    this.inside(() => {
      try {
        execFileSync('nft', ['-f', '-'], { input: text, stdio: ['pipe', 'pipe', 'pipe'] });
      } catch (error) {
        const { stderr } = error as { stderr?: Buffer };
        throw new Error(`nft: ${stderr?.toString() ?? error}\n${text}`);
      }
    });
  }

  get netfilter(): NetfilterSocket {
    this.socket ??= this.inside(() => new NetfilterSocket(this.sys));
    return this.socket;
  }

  async drive(steps: readonly Step[]): Promise<Output> {
    const { connections } = this;
    const output: Output = { lan0: [], wan0: [] };
    if (connections !== undefined) output.conntrack = [];
    for (const step of steps) {
      if (step.kind === 'wait') await sleep(step.ms);
      else {
        this.taps[step.port].write(step.frame);
        await this.settle(output);
      }
      if (connections !== undefined) output.conntrack!.push(readLines(connections));
    }
    await this.settle(output);
    return output;
  }

  /** No end marker: a ruleset may drop it. Linux has done all that a frame causes when write(2) returns. */
  burst(frames: readonly FrameStep[]): Output {
    for (const { port, frame } of frames) this.taps[port].write(frame);
    return { lan0: drain(this.taps.lan0), wan0: drain(this.taps.wan0) };
  }

  private async settle(output: Output): Promise<void> {
    const { taps } = this;
    taps.lan0.write(this.marker);
    const begin = performance.now();
    for (let done = false; !done; ) {
      for (const frame of drain(taps.lan0)) {
        if (isSentinelReply(frame)) done = true;
        else output.lan0.push(frame);
      }
      if (done) break;
      if (performance.now() - begin > PATIENCE_MS) throw new Error('Linux does not answer the end marker');
      await sleep(1);
    }
    output.wan0.push(...drain(taps.wan0));
  }

  async close(): Promise<void> {
    this.socket?.close();
    closeSync(this.netns);
    if (this.connections !== undefined) closeSync(this.connections);
    this.ended();
  }
}

function drain(tap: Tap): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let frame = tap.read(); frame !== undefined; frame = tap.read()) frames.push(frame);
  return frames;
}

function readLines(fd: number): string[] {
  const buffer = Buffer.alloc(1 << 20);
  let used = 0;
  for (;;) {
    const n = readSync(fd, buffer, used, buffer.length - used, used);
    if (n === 0) break;
    used += n;
  }
  return buffer.toString('latin1', 0, used).split('\n').filter(Boolean);
}
