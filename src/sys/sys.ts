/**
 * Linux system calls from Node, through koffi: the only file group that knows either. Addresses are plain numbers,
 * results are the raw ones (-1 and errno()), so that a call on a driver's burst costs 20-60 ns beside the system call
 * itself. Blocking calls have no place here: descriptors are O_NONBLOCK, and waiting is FdWatch's.
 */
import { createRequire } from 'node:module';
import { NetError } from '../net_error.js';
import { errnoError } from './errno.js';
import { type FdEvents, FdWatch } from './fd_watch.js';

export const O_RDWR = 0o2;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
export const AF_INET = 2;
export const SOCK_DGRAM = 2;
export const SOCK_CLOEXEC = 0o2000000;
export const POLLIN = 1;
export const POLLOUT = 4;
export const POLLERR = 8;
export const POLLHUP = 16;
/** bpf(2) by machine: older than the time when new calls got one number everywhere. */
const SYS_BPF: Readonly<Record<string, number>> = { x64: 321, arm64: 280, riscv64: 280 };
const SYS_IO_URING_SETUP = 425;
const SYS_IO_URING_ENTER = 426;
const IORING_ENTER_GETEVENTS = 1;

type Koffi = typeof import('koffi');

/** A function of libc by koffi; its declared types are what it takes. */
type Call<A extends unknown[]> = (...args: A) => number;

export class Sys {
  /** read(2) and write(2) to an address; readv(2) and writev(2) with the address of an iovec array. */
  readonly read: Call<[fd: number, address: number, bytes: number]>;
  readonly write: Call<[fd: number, address: number, bytes: number]>;
  readonly readv: Call<[fd: number, iov: number, count: number]>;
  readonly writev: Call<[fd: number, iov: number, count: number]>;
  /** sendmmsg(2) with the address of a mmsghdr array. */
  readonly sendmmsg: Call<[fd: number, messages: number, count: number, flags: number]>;
  /** recvmsg(2) with the address of a msghdr. */
  readonly recvmsg: Call<[fd: number, message: number, flags: number]>;
  /** sched_yield(2): whoever waits for this processor goes first. */
  readonly schedYield: Call<[]>;
  /** madvise(2). */
  readonly madvise: Call<[address: number, bytes: number, advice: number]>;
  /** io_uring_enter(2) that waits for `complete` operations: how many were taken, or -1. */
  readonly ioUringEnter: (ring: number, count: number, complete: number) => number;
  /** clock_gettime(2) into the timespec at an address. */
  readonly clockGettime: Call<[clock: number, address: number]>;
  /** errno of the call just made. */
  readonly errno: () => number;
  private readonly koffi: Koffi;
  private readonly openCall: Call<[path: string, flags: number, mode: number]>;
  private readonly closeCall: Call<[fd: number]>;
  private readonly ioctlCall: Call<[fd: number, request: number, arg: Uint8Array]>;
  private readonly ioctlValueCall: Call<[fd: number, request: number, arg: number]>;
  private readonly pollCall: Call<[fds: Uint8Array, count: number, timeoutMs: number]>;
  private readonly setsockoptCall: Call<
    [fd: number, level: number, name: number, value: Uint8Array, bytes: number]
  >;
  private readonly getsockoptCall: Call<
    [fd: number, level: number, name: number, value: Uint8Array, bytes: Uint8Array]
  >;
  private readonly setnsCall: Call<[fd: number, type: number]>;
  private readonly mmapCall: (
    address: number,
    bytes: number,
    prot: number,
    flags: number,
    fd: number,
    offset: number,
  ) => number | bigint;
  private readonly bindCall: Call<[fd: number, address: Uint8Array, bytes: number]>;
  private readonly ioUringSetupCall: Call<[number: number, entries: number, params: Uint8Array]>;
  private readonly bpfCall: Call<[number: number, command: number, attr: Uint8Array, bytes: number]>;
  private readonly socketCall: Call<[family: number, type: number, protocol: number]>;
  private readonly pollfd = new DataView(new ArrayBuffer(8));
  private readonly pollfdBytes = new Uint8Array(this.pollfd.buffer);

  /** Throws ENOSYS where there is no Linux or no koffi for this machine. */
  constructor() {
    if (process.platform !== 'linux') {
      throw new NetError(
        'ENOSYS',
        `system calls need Linux, this is ${process.platform}; use a udp: or pcap: port`,
      );
    }
    this.koffi = loadKoffi();
    const libc = this.koffi.load(null);
    this.read = libc.func('int read(int, uintptr_t, size_t)');
    this.write = libc.func('int write(int, uintptr_t, size_t)');
    this.readv = libc.func('int readv(int, uintptr_t, int)');
    this.writev = libc.func('int writev(int, uintptr_t, int)');
    this.sendmmsg = libc.func('int sendmmsg(int, uintptr_t, uint, int)');
    this.recvmsg = libc.func('int recvmsg(int, uintptr_t, int)');
    this.clockGettime = libc.func('int clock_gettime(int, uintptr_t)');
    this.schedYield = libc.func('int sched_yield()');
    this.madvise = libc.func('int madvise(uintptr_t, size_t, int)');
    this.errno = this.koffi.errno;
    this.openCall = libc.func('int open(const char *, int, int)');
    this.closeCall = libc.func('int close(int)');
    this.ioctlCall = libc.func('int ioctl(int, ulong, void *)');
    this.ioctlValueCall = libc.func('int ioctl(int, ulong, ulong)');
    this.pollCall = libc.func('int poll(void *, ulong, int)');
    this.setsockoptCall = libc.func('int setsockopt(int, int, int, void *, uint)');
    this.getsockoptCall = libc.func('int getsockopt(int, int, int, void *, void *)');
    this.setnsCall = libc.func('int setns(int, int)');
    this.mmapCall = libc.func('uintptr_t mmap(uintptr_t, size_t, int, int, int, int64_t)');
    this.bindCall = libc.func('int bind(int, void *, uint)');
    this.socketCall = libc.func('int socket(int, int, int)');
    this.bpfCall = libc.func('syscall', 'int', ['long', 'int', 'void *', 'uint']);
    // No wrapper of libc, but the same numbers on every machine.
    this.ioUringSetupCall = libc.func('syscall', 'int', ['long', 'uint', 'void *']);
    const enter: Call<
      [number: number, fd: number, submit: number, min: number, flags: number, sig: number, size: number]
    > = libc.func('syscall', 'int', ['long', 'int', 'uint', 'uint', 'uint', 'uintptr_t', 'size_t']);
    this.ioUringEnter = (ring, count, complete) =>
      enter(SYS_IO_URING_ENTER, ring, count, complete, IORING_ENTER_GETEVENTS, 0, 0);
  }

  /** `what` starts the error's message; `right` gives the advice by errno name. */
  open(path: string, flags: number, what: string, right?: Readonly<Record<string, string>>): number {
    const fd = this.openCall(path, flags | O_CLOEXEC, 0);
    if (fd < 0) throw errnoError(this.errno(), what, right);
    return fd;
  }

  /** `what` and `right` as for open(). */
  socket(
    family: number,
    type: number,
    protocol: number,
    what = 'socket',
    right?: Readonly<Record<string, string>>,
  ): number {
    const fd = this.socketCall(family, type | SOCK_CLOEXEC, protocol);
    if (fd < 0) throw errnoError(this.errno(), what, right);
    return fd;
  }

  /** 0, or the errno. */
  setsockopt(fd: number, level: number, name: number, value: Uint8Array): number {
    return this.setsockoptCall(fd, level, name, value, value.length) < 0 ? this.errno() : 0;
  }

  /** Fills `value`; 0, or the errno. */
  getsockopt(fd: number, level: number, name: number, value: Uint8Array): number {
    const bytes = new Uint8Array(new Uint32Array([value.length]).buffer);
    return this.getsockoptCall(fd, level, name, value, bytes) < 0 ? this.errno() : 0;
  }

  /** Moves the calling thread, and no other, into the namespace that `fd` names; 0, or the errno. */
  setns(fd: number, type: number): number {
    return this.setnsCall(fd, type) < 0 ? this.errno() : 0;
  }

  /** MAP_FIXED only: the address is the caller's. 0, or the errno. */
  mmapFixed(address: number, bytes: number, prot: number, flags: number, fd: number): number {
    return Number(this.mmapCall(address, bytes, prot, flags, fd, 0)) === address ? 0 : this.errno();
  }

  bind(fd: number, address: Uint8Array): void {
    if (this.bindCall(fd, address, address.length) < 0) throw errnoError(this.errno(), 'bind');
  }

  close(fd: number): void {
    this.closeCall(fd);
  }

  /** io_uring_setup(2): the ring's descriptor, close-on-exec, or -1. */
  ioUringSetup(entries: number, params: Uint8Array): number {
    return this.ioUringSetupCall(SYS_IO_URING_SETUP, entries, params);
  }

  /** bpf(2): what the command returns, -1 with an errno; `attr` is a union bpf_attr, which the kernel writes to. */
  bpf(command: number, attr: Uint8Array): number {
    const number = SYS_BPF[process.arch];
    if (number === undefined) throw new NetError('ENOSYS', `bpf(2) has no number for ${process.arch} here`);
    return this.bpfCall(number, command, attr, attr.length);
  }

  /** 0, or the errno: the caller knows which of them are no error. */
  ioctl(fd: number, request: number, arg: Uint8Array | number): number {
    const result =
      typeof arg === 'number' ? this.ioctlValueCall(fd, request, arg) : this.ioctlCall(fd, request, arg);
    return result < 0 ? this.errno() : 0;
  }

  /** What poll(2) says of this descriptor at this moment: POLLIN | POLLOUT | POLLERR | POLLHUP. */
  pollNow(fd: number, events: number): number {
    this.pollfd.setInt32(0, fd, true);
    this.pollfd.setUint16(4, events, true);
    this.pollfd.setUint16(6, 0, true);
    return this.pollCall(this.pollfdBytes, 1, 0) > 0 ? this.pollfd.getUint16(6, true) : 0;
  }

  /**
   * The address of a view over a SharedArrayBuffer or an ArrayBuffer of its own. Only such are stable: a small array
   * made by length lies on the JavaScript heap and moves.
   */
  addressOf(view: Uint8Array): number {
    return Number(this.koffi.address(view));
  }

  watch(fd: number, onEvent: (events: FdEvents) => void): FdWatch {
    return new FdWatch(this.koffi, fd, onEvent);
  }
}

function loadKoffi(): Koffi {
  try {
    return createRequire(import.meta.url)('koffi') as Koffi;
  } catch (cause) {
    const machine = `${process.platform}-${process.arch}`;
    throw new NetError(
      'ENOSYS',
      `the package koffi does not load on ${machine}; run npm ci, or use a udp: or pcap: port`,
      { cause },
    );
  }
}
