/**
 * Fuzzes the core as a whole: bursts of good and spoiled frames of every protocol into a router, with the clock
 * moving. A round is two cores that get the same frames between different canaries (canary_driver.ts). In every other
 * round one of them is the scalar build; in half of them both have hardly memory for more than their rings; in some
 * hooks queue packets for the host to decide. After each burst they must have sent the same; after two quiet minutes
 * every skb and slot is back; when the namespaces have ended every page is.
 *
 * FUZZ_COUNT: inputs (default 250,000; 10,000,000 with LONG=true, which goes on where it was stopped).
 * FUZZ_SEED=n begins at round n; a failure names its round: FUZZ_SEED=that FUZZ_COUNT=1 runs it alone.
 */
import { describe, expect, test } from 'vitest';
import { runRounds } from '../long_progress.js';
import { Random } from '../random.js';
import { burst, PORTS } from './core_frames.js';
import { CoreLab } from './core_lab.js';

const LONG = process.env.LONG === 'true';
const COUNT = Number(process.env.FUZZ_COUNT ?? (LONG ? 10_000_000 : 250_000));
const BURSTS = 64;
const CANARIES = [0xa5, 0x3c] as const;

const hex = (bytes: Uint8Array | undefined) =>
  bytes === undefined ? 'nothing' : Buffer.from(bytes).toString('hex');

function firstDifference(a: Uint8Array[], b: Uint8Array[]): string | undefined {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    if (a[i] === undefined || b[i] === undefined || Buffer.compare(a[i]!, b[i]!) !== 0) {
      return `output ${i} of ${a.length} and ${b.length}:\n  ${hex(a[i])}\n  ${hex(b[i])}`;
    }
  }
  return undefined;
}

/** One round; returns how many frames went in. */
async function round(seed: number): Promise<number> {
  const random = new Random(seed);
  const scalar = seed % 2 === 1;
  const starved = seed % 4 >= 2;
  const labs = [
    await CoreLab.create({ seed, canary: CANARIES[0], scalar: false, starved }),
    await CoreLab.create({ seed, canary: CANARIES[1], scalar, starved }),
  ] as const;
  // Of both kinds of round, fed and starved.
  const points = seed % 8 >= 5 ? [2, random.pick([0, 1, 3, 4])] : [];
  for (const lab of labs) await lab.queueAt(points);
  let inputs = 0;
  for (let i = 0; i < BURSTS; i++) {
    const port = random.below(PORTS.length);
    const frames = burst(seed, random, port, 1 + random.below(48));
    const ms = random.pick([0, 0, 0, 0, 1, 1, 10, 100, 1000, 5000]);
    inputs += frames.length;
    for (const lab of labs) lab.feed(port, frames, ms);
    const difference = firstDifference(labs[0].drain(), labs[1].drain());
    if (difference !== undefined) {
      const list = frames
        .map((f) => `  ${f.vnetHdr ? `[${hex(f.vnetHdr)}] ` : ''}${hex(f.bytes)}`)
        .join('\n');
      throw new Error(
        `burst ${i} into ${PORTS[port]!.name}${scalar ? ', simd and scalar' : ''}: ${difference}\nframes:\n${list}`,
      );
    }
  }
  for (const lab of labs) {
    await lab.unhook(points);
    lab.stack.run(120_000);
  }
  expect(await labs[1].counters()).toEqual(await labs[0].counters());
  for (const lab of labs) {
    const { skbs, small, large } = lab.free();
    // Without any memory two neighbours may ask each other for ever, each for want of an entry for the other.
    if (!starved) {
      expect({ skbs, small, large }, 'skbs and slots after two quiet minutes').toEqual({
        skbs: lab.atStart.skbs,
        small: lab.atStart.small,
        large: lab.atStart.large,
      });
    }
    await lab.tearDown();
    expect(lab.free(), 'what is free after the namespaces ended').toEqual(lab.pristine);
    await lab.stack.close();
  }
  return inputs;
}

describe('the whole core', () => {
  test(
    `comes through ${COUNT} hostile frames`,
    () =>
      runRounds({
        name: 'fuzz/core',
        count: COUNT,
        seed: Date.now() % 2 ** 30,
        variable: 'FUZZ_COUNT',
        size: 1,
        round,
      }),
    LONG ? 6 * 3600_000 : 300_000,
  );
});
