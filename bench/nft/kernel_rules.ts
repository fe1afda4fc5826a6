/**
 * The kernel as the peer of the nft suite: what a ruleset costs Linux for one packet. A namespace of its own holds the
 * ruleset; frames are run into its loopback device by BPF_PROG_TEST_RUN with live frames and a program that lets all
 * pass, so that they take the kernel's whole receive path without a driver (bpf(2)). All frames are one frame, which favours the
 * kernel's caches.
 */
import { spawnSync } from 'node:child_process';
import { errnoError } from '../../src/sys/errno.js';
import { inNetns } from '../../src/sys/netns.js';
import { Sys } from '../../src/sys/sys.js';

const BPF_PROG_LOAD = 5;
const BPF_PROG_TEST_RUN = 10;
const BPF_PROG_TYPE_XDP = 6;
const BPF_F_TEST_XDP_LIVE_FRAMES = 2;
const LOOPBACK_IFINDEX = 1;
/** Frames that the kernel makes at a time. */
const BATCH = 256;
/** r0 = XDP_PASS; exit */
const PASS_ALL = Uint8Array.of(0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
const LICENSE = new TextEncoder().encode('GPL\0');
const ATTR_BYTES = 144;

/** A stable address for what the kernel reads through a pointer. */
function pinned(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

function command(name: string, args: readonly string[], input?: string): void {
  const { status, stderr, error } = spawnSync(name, args, { input: input ?? '', encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${name} ${args.join(' ')}: ${stderr.trim().split('\n')[0]}`);
}

export class KernelRules {
  private readonly onExit = () => this.remove();

  private constructor(
    private readonly sys: Sys,
    private readonly netns: string,
    private readonly program: number,
  ) {
    process.once('exit', this.onExit);
  }

  /** Root only. `name` tells namespaces of one run apart. */
  static create(name: string): KernelRules {
    const sys = new Sys();
    const attr = new Uint8Array(ATTR_BYTES);
    const view = new DataView(attr.buffer);
    const program = pinned(PASS_ALL);
    const license = pinned(LICENSE);
    view.setUint32(0, BPF_PROG_TYPE_XDP, true);
    view.setUint32(4, PASS_ALL.length / 8, true);
    view.setBigUint64(8, BigInt(sys.addressOf(program)), true);
    view.setBigUint64(16, BigInt(sys.addressOf(license)), true);
    const fd = sys.bpf(BPF_PROG_LOAD, attr);
    if (fd < 0) throw errnoError(sys.errno(), 'bpf(BPF_PROG_LOAD)', { EPERM: 'run as root' });
    const netns = `ww-nft-${process.pid}-${name}`;
    command('ip', ['netns', 'add', netns]);
    const rules = new KernelRules(sys, netns, fd);
    try {
      command('ip', ['-n', netns, 'link', 'set', 'lo', 'up']);
    } catch (error) {
      rules.close();
      throw error;
    }
    return rules;
  }

  /** Replaces the ruleset by this one, in nft's language. */
  load(ruleset: string): void {
    command('ip', ['netns', 'exec', this.netns, 'nft', '-f', '-'], `flush ruleset\n${ruleset}`);
  }

  /** ns that the kernel takes for one of `count` copies of `frame`, received on the loopback device. */
  nsPerPacket(frame: Uint8Array, count: number): number {
    const { sys } = this;
    const attr = new Uint8Array(ATTR_BYTES);
    const view = new DataView(attr.buffer);
    const data = pinned(frame);
    // struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex
    const context = pinned(new Uint8Array(24));
    const md = new DataView(context.buffer);
    md.setUint32(4, frame.length, true);
    md.setUint32(12, LOOPBACK_IFINDEX, true);
    view.setUint32(0, this.program, true);
    view.setUint32(8, frame.length, true);
    view.setBigUint64(16, BigInt(sys.addressOf(data)), true);
    view.setUint32(32, count, true);
    view.setUint32(40, context.length, true);
    view.setBigUint64(48, BigInt(sys.addressOf(context)), true);
    view.setUint32(64, BPF_F_TEST_XDP_LIVE_FRAMES, true);
    view.setUint32(72, BATCH, true);
    const begin = performance.now();
    const failed = inNetns(sys, this.netns, 'bpf', () => sys.bpf(BPF_PROG_TEST_RUN, attr) < 0);
    const ns = (performance.now() - begin) * 1e6;
    if (failed) throw errnoError(sys.errno(), 'bpf(BPF_PROG_TEST_RUN)');
    return ns / count;
  }

  private remove(): void {
    spawnSync('ip', ['netns', 'del', this.netns]);
  }

  close(): void {
    process.off('exit', this.onExit);
    this.sys.close(this.program);
    this.remove();
  }
}
