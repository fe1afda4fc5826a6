/**
 * io_uring(7) for bursts: many reads or writes of one descriptor by one system call, in order. Everything is done
 * inside of submit(): an operation that would block ends with EAGAIN instead (RWF_NOWAIT), so that nothing is ever in
 * flight when it returns.
 *
 *   prep(0) prep(1) ... prep(n-1)  ──► submit(n): one io_uring_enter ──► result(0) ... result(n-1)
 *
 * The rings lie in memory of ours (IORING_SETUP_NO_MMAP), which the kernel touches only inside of our own calls: plain
 * loads and stores will do. Needs Linux 6.6; IoUring.open() returns null where it cannot be had, and read(2) and
 * write(2) serve.
 *
 *   struct io_uring_sqe (64 bytes)   0 opcode u8, flags u8, ioprio u16 │ 4 fd │ 8 off u64 │ 16 addr u64 │ 24 len
 *                                    28 rw_flags │ 32 user_data u64 │ 40 ... 0
 *   struct io_uring_cqe (16 bytes)   0 user_data u64 │ 8 res i32 │ 12 flags
 */
import { EAGAIN } from './errno.js';
import type { IoVec } from './iovec.js';
import type { Sys } from './sys.js';

export const IORING_OP_READV = 1;
export const IORING_OP_WRITEV = 2;
export const IORING_OP_READ = 22;
export const IORING_OP_WRITE = 23;

const RWF_NOWAIT = 8;
const IORING_SETUP_SINGLE_ISSUER = 1 << 12;
const IORING_SETUP_DEFER_TASKRUN = 1 << 13;
const IORING_SETUP_NO_MMAP = 1 << 14;
const IORING_SETUP_NO_SQARRAY = 1 << 16;
const SETUP_FLAGS =
  IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_NO_MMAP | IORING_SETUP_NO_SQARRAY;

const PAGE = 4096;
/** 64 sqes fill one page, and the rings of 64 and 128 entries another: kernels before 6.14 want no more of each. */
export const URING_ENTRIES = 64;
const SQE_WORDS = 16;
const CQE_WORDS = 4;
const SQE_FD = 1;
const SQE_ADDR = 4;
const SQE_LEN = 6;
const SQE_RW_FLAGS = 7;
const SQE_USER_DATA = 8;
const CQE_RES = 2;

/** struct io_uring_params: 120 bytes; offsets of sq_off and cq_off, and of what is used of them. */
const PARAMS_BYTES = 120;
const PARAMS_FLAGS = 8;
const SQ_TAIL = 44;
const SQ_USER_ADDR = 72;
const CQ_HEAD = 80;
const CQ_TAIL = 84;
const CQ_RING_MASK = 88;
const CQ_CQES = 100;
const CQ_USER_ADDR = 112;
const TWO_32 = 2 ** 32;

export class IoUring {
  private tail = 0;
  private readonly results = new Int32Array(URING_ENTRIES);

  private constructor(
    private readonly sys: Sys,
    private readonly ring: number,
    private readonly words: Int32Array,
    private readonly sqes: number,
    private readonly sqTail: number,
    private readonly cqHead: number,
    private readonly cqTail: number,
    private readonly cqMask: number,
    private readonly cqes: number,
    private readonly baseLow: number,
    private readonly baseHigh: number,
  ) {}

  /**
   * A ring for bursts of up to URING_ENTRIES operations on `fd`; offsets given to prep() count from `base`, the address
   * of linear memory. null where this kernel, or whoever runs it, does not offer one (io_uring_disabled, a container).
   */
  static open(sys: Sys, fd: number, base: number): IoUring | null {
    const buffer = new ArrayBuffer(3 * PAGE);
    const address = sys.addressOf(new Uint8Array(buffer));
    const start = (PAGE - (address % PAGE)) % PAGE;
    const params = new Uint8Array(new ArrayBuffer(PARAMS_BYTES));
    const view = new DataView(params.buffer);
    view.setUint32(PARAMS_FLAGS, SETUP_FLAGS, true);
    view.setBigUint64(CQ_USER_ADDR, BigInt(address + start), true);
    view.setBigUint64(SQ_USER_ADDR, BigInt(address + start + PAGE), true);
    const ring = sys.ioUringSetup(URING_ENTRIES, params);
    if (ring < 0) return null;
    const words = new Int32Array(buffer);
    const at = (offset: number) => (start + view.getUint32(offset, true)) >>> 2;
    const sqes = (start + PAGE) >>> 2;
    for (let i = 0; i < URING_ENTRIES; i++) {
      words[sqes + i * SQE_WORDS + SQE_FD] = fd;
      words[sqes + i * SQE_WORDS + SQE_RW_FLAGS] = RWF_NOWAIT;
    }
    return new IoUring(
      sys,
      ring,
      words,
      sqes,
      at(SQ_TAIL),
      at(CQ_HEAD),
      at(CQ_TAIL),
      words[at(CQ_RING_MASK)]!,
      at(CQ_CQES),
      base % TWO_32,
      Math.floor(base / TWO_32),
    );
  }

  /** Operation `i` of the next submit(): `len` bytes at `offset` of linear memory. */
  prep(i: number, opcode: number, offset: number, len: number): void {
    const low = this.baseLow + offset;
    this.fill(i, opcode, low, low < TWO_32 ? this.baseHigh : this.baseHigh + 1, len);
  }

  /** The same with `count` iovecs from `entry` on. */
  prepVector(i: number, opcode: number, iov: IoVec, entry: number, count: number): void {
    const low = iov.low + (entry << 4);
    this.fill(i, opcode, low, low < TWO_32 ? iov.high : iov.high + 1, count);
  }

  private fill(i: number, opcode: number, low: number, high: number, len: number): void {
    const { words } = this;
    const sqe = this.sqes + ((this.tail + i) & (URING_ENTRIES - 1)) * SQE_WORDS;
    words[sqe] = opcode;
    words[sqe + SQE_ADDR] = low;
    words[sqe + SQE_ADDR + 1] = high;
    words[sqe + SQE_LEN] = len;
    words[sqe + SQE_USER_DATA] = i;
  }

  /** Does the first `n` operations; returns how many were done: fewer only when the system call failed. */
  submit(n: number): number {
    const { words, results } = this;
    // None should be missing; one that were must not pass for what an earlier burst did.
    results.fill(-EAGAIN, 0, n);
    words[this.sqTail] = this.tail + n;
    const done = Math.max(this.sys.ioUringEnter(this.ring, n, n), 0);
    this.tail = (this.tail + done) | 0;
    words[this.sqTail] = this.tail;
    // Failures are told behind all successes: a result finds its operation by user_data.
    let head = words[this.cqHead]!;
    for (const end = words[this.cqTail]!; head !== end; head = (head + 1) | 0) {
      const cqe = this.cqes + (head & this.cqMask) * CQE_WORDS;
      results[words[cqe]!] = words[cqe + CQE_RES]!;
    }
    words[this.cqHead] = head;
    return done;
  }

  /** What operation `i` of the last submit() returned: as the system call would, with -errno for an error. */
  result(i: number): number {
    return this.results[i]!;
  }

  close(): void {
    this.sys.close(this.ring);
  }
}
