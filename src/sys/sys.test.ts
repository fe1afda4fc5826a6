import { describe, expect, it } from 'vitest';
import { errnoError, errnoName } from './errno.js';
import { ifNameProblem, ifreqFlags, ifreqInt, packIfreqFlags, packIfreqInt } from './if_tun.js';
import { IORING_OP_READ, IORING_OP_READV, IORING_OP_WRITE, IoUring } from './io_uring.js';
import { AddressCache, IoVec } from './iovec.js';
import { MonotonicTime } from './monotonic_time.js';
import { O_NONBLOCK, O_RDWR, POLLIN, POLLOUT, Sys } from './sys.js';

describe('errno', () => {
  it('has the names of Linux', () => {
    const names = [1, 2, 4, 5, 11, 16, 22, 77, 95, 100, 111].map(errnoName);
    expect(names).toEqual([
      'EPERM',
      'ENOENT',
      'EINTR',
      'EIO',
      'EAGAIN',
      'EBUSY',
      'EINVAL',
      'EBADFD',
      'ENOTSUP',
      'ENETDOWN',
      'ECONNREFUSED',
    ]);
    expect(errnoName(4095)).toBe('E4095');
  });

  it('makes an error that says what to do', () => {
    expect(errnoError(1, 'tap:x: open', { EPERM: 'run as root' })).toMatchObject({
      code: 'EPERM',
      message: 'tap:x: open: EPERM: run as root',
    });
    expect(errnoError(2, 'x').message).toBe('x: ENOENT');
  });
});

describe('struct ifreq', () => {
  it('has name and value at their places', () => {
    const flags = packIfreqFlags('ww0', 0x5002);
    expect(Buffer.from(flags).toString('hex')).toBe(`777730${'00'.repeat(13)}0250${'00'.repeat(22)}`);
    expect(ifreqFlags(flags)).toBe(0x5002);
    expect(ifreqInt(packIfreqInt('abcdefghijklmno', -2))).toBe(-2);
    expect(packIfreqInt('abcdefghijklmnopqrst', 0)[15]).toBe(0);
  });

  it('refuses names that the kernel refuses', () => {
    for (const bad of ['', '.', '..', 'a/b', 'a b', 'a:b', 'a%d', 'abcdefghijklmnop', 'ääääääää']) {
      expect(ifNameProblem(bad)).toBeDefined();
    }
    for (const good of ['ww0', 'a', 'abcdefghijklmno', 'a.5', 'ä'])
      expect(ifNameProblem(good)).toBeUndefined();
  });
});

describe.skipIf(process.platform !== 'linux')('system calls', () => {
  it('read and write memory by address, in one piece and scattered', () => {
    const sys = new Sys();
    const memory = new Uint8Array(new SharedArrayBuffer(65536));
    const base = sys.addressOf(memory);
    memory.set([1, 2, 3, 4, 5, 6, 7, 8], 1000);
    const fd = sys.open('/dev/zero', O_RDWR | O_NONBLOCK, 'zero');
    const iov = new IoVec(sys, base, 2);
    iov.set(0, 1000, 2);
    iov.set(1, 1004, 2);
    expect(sys.readv(fd, iov.pointer.value, 2)).toBe(4);
    expect([...memory.subarray(1000, 1008)]).toEqual([0, 0, 3, 4, 0, 0, 7, 8]);
    const addresses = new AddressCache(base);
    expect(sys.read(fd, addresses.get(1006), 1)).toBe(1);
    expect([...memory.subarray(1000, 1008)]).toEqual([0, 0, 3, 4, 0, 0, 0, 8]);
    expect(sys.write(fd, addresses.get(1006), 2)).toBe(2);
    expect(sys.writev(fd, iov.pointer.value, 2)).toBe(4);
    expect(sys.pollNow(fd, POLLIN | POLLOUT)).toBe(POLLIN | POLLOUT);
    sys.close(fd);
    expect(sys.read(fd, addresses.get(1006), 1)).toBe(-1);
    expect(errnoName(sys.errno())).toBe('EBADF');
  });

  it('do a burst by one call of io_uring, each with its result in its place', () => {
    const sys = new Sys();
    const memory = new Uint8Array(new SharedArrayBuffer(65536));
    memory.fill(9);
    const base = sys.addressOf(memory);
    const fd = sys.open('/dev/zero', O_RDWR | O_NONBLOCK, 'zero');
    const ring = IoUring.open(sys, fd, base);
    if (ring === null) return; // this kernel has none, or it is switched off: read(2) and write(2) serve
    const iov = new IoVec(sys, base, 2);
    iov.set(0, 200, 3);
    iov.set(1, 210, 4);
    // More bursts than the rings have places: they go round.
    for (let round = 0; round < 10; round++) {
      memory.fill(9);
      for (let i = 0; i < 30; i++) ring.prep(i, IORING_OP_READ, 1000 + 100 * i, 10 + i);
      ring.prepVector(30, IORING_OP_READV, iov, 0, 2);
      ring.prep(31, IORING_OP_WRITE, 0, 77);
      ring.prep(32, 0xff, 0, 0);
      expect(ring.submit(33)).toBe(33);
      for (let i = 0; i < 30; i++) expect(ring.result(i)).toBe(10 + i);
      expect([30, 31].map((i) => ring.result(i))).toEqual([7, 77]);
      expect(errnoName(-ring.result(32))).toBe('EINVAL');
      expect(memory.indexOf(0)).toBe(200);
      expect(memory.filter((byte) => byte === 0).length).toBe(7 + 30 * 10 + (30 * 29) / 2);
    }
    sys.close(fd);
    ring.prep(0, IORING_OP_READ, 0, 1);
    expect(ring.submit(1)).toBe(1);
    expect(errnoName(-ring.result(0))).toBe('EBADF');
    ring.close();
  });

  it('take addresses from a cache that answers right also when two offsets share an entry', () => {
    const cache = new AddressCache(2 ** 40 - 4096);
    for (const offset of [0, 4096, 8192, 4096, 0, 4096 + 2048 * 8192]) {
      expect(cache.get(offset)).toBe(2 ** 40 - 4096 + offset);
    }
  });

  it('tell the time in nanoseconds, as performance.now() does', () => {
    const time = new MonotonicTime(new Sys());
    const begin = performance.now();
    const cell = new Float64Array(1);
    time.read(cell);
    const first = cell[0]!;
    while (performance.now() - begin < 20);
    time.read(cell);
    expect(cell[0]! - first).toBeGreaterThan(19e6);
    expect(cell[0]! - first).toBeLessThan(2e9);
  });

  it('throw a NetError with advice when a file cannot be opened', () => {
    expect(() => new Sys().open('/nonexistent', O_RDWR, 'x: /nonexistent', { ENOENT: 'make it' })).toThrow(
      expect.objectContaining({ code: 'ENOENT', message: 'x: /nonexistent: ENOENT: make it' }),
    );
  });
});
