/** Linux's bridge beside ours: its ports are TAPs, whose other ends are descriptors of the test. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as tun from '../../src/sys/if_tun.js';

export const PORTS = 4;
/** The ethertype of bridge_lab's frames. */
const TEST_TYPE = 0x9000;
export const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
export const bridgeTool = (...args: string[]): string => execFileSync('bridge', args, { encoding: 'utf8' });

export class LinuxBridge {
  private readonly fds: number[] = [];

  /** `counts` says which frames are an answer: what the kernel says by itself (it joins 224.0.0.106) is none. */
  constructor(
    options: string[],
    private readonly counts = (frame: Buffer) => frame.readUInt16BE(12) === TEST_TYPE,
  ) {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const ioctl: (fd: number, request: number, arg: Uint8Array) => number = koffi
      .load(null)
      .func('int ioctl(int, ulong, void *)');
    ip('link', 'add', 'br0', 'type', 'bridge', ...options);
    for (let i = 0; i < PORTS; i++) {
      const fd = openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
      this.fds.push(fd);
      const request = tun.packIfreqFlags(`tap${i}`, tun.IFF_TAP | tun.IFF_NO_PI);
      if (ioctl(fd, tun.TUNSETIFF, request) < 0) throw new Error(`TUNSETIFF: errno ${koffi.errno()}`);
      ip('link', 'set', `tap${i}`, 'address', `02:00:00:00:00:0${i + 1}`, 'master', 'br0', 'up');
    }
    ip('link', 'set', 'br0', 'up');
    for (const fd of this.fds) this.drain(fd);
  }

  /** Sends from a port and gives what each port sent, in hex. The kernel forwards within the write. */
  send(port: number, bytes: Uint8Array): string[][] {
    writeSync(this.fds[port]!, bytes);
    return this.fds.map((fd) => this.drain(fd));
  }

  private drain(fd: number): string[] {
    const frames: string[] = [];
    const buffer = Buffer.alloc(2048);
    for (;;) {
      try {
        const n = readSync(fd, buffer);
        const frame = buffer.subarray(0, n);
        if (this.counts(frame)) frames.push(frame.toString('hex'));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return frames;
        throw error;
      }
    }
  }

  close(): void {
    for (const fd of this.fds) closeSync(fd);
    ip('link', 'del', 'br0');
  }
}
