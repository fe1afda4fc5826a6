import { defineConfig } from 'vitest/config';
import { guestPool } from './hil/guest/pool.js';
import { peggyForVitest } from './peggy_plugin.mjs';

/** One project per tier (design: unit, net, kernel, guest, fuzz); `test/run.mjs` chooses which of them can run here. */
export default defineConfig({
  plugins: [peggyForVitest],
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            'assembly/**/*.test.ts',
            'src/**/*.test.ts',
            'test/unit/**/*.test.ts',
            'hil/**/*.test.ts',
          ],
        },
      },
      { extends: true, test: { name: 'net', include: ['test/net/**/*.test.ts'] } },
      {
        extends: true,
        // Real time, and a Linux that now and then says nothing on a busy machine: one more try, which the report names.
        test: { name: 'kernel', include: ['test/kernel/**/*.test.ts'], fileParallelism: false, retry: 1 },
      },
      {
        extends: true,
        // One boot, one worker in the guest for all files (hil/guest).
        test: {
          name: 'guest',
          include: ['test/guest/**/*.test.ts'],
          pool: guestPool(),
          isolate: false,
          fileParallelism: false,
          retry: 1,
        },
      },
      {
        extends: true,
        // The same with USB: gadgets, QEMU's adapter (hil/usb).
        test: {
          name: 'usb',
          include: ['test/usb/**/*.test.ts'],
          globalSetup: ['test/usb/build_images.ts'],
          pool: guestPool('guest-usb', { usb: true }),
          isolate: false,
          fileParallelism: false,
          retry: 1,
        },
      },
      {
        extends: true,
        // Real time: QEMU's boards.
        test: {
          name: 'board',
          include: ['test/board/**/*.test.ts'],
          globalSetup: ['test/board/build_images.ts'],
          fileParallelism: false,
          retry: 1,
        },
      },
      { extends: true, test: { name: 'fuzz', include: ['test/fuzz/**/*.test.ts'], fileParallelism: false } },
      {
        extends: true,
        // Real time as well.
        test: { name: 'product', include: ['test/product/**/*.test.ts'], fileParallelism: false, retry: 1 },
      },
    ],
  },
});
