import { describe, expect, it } from 'vitest';
import { searchThroughput, type Trial } from './pktgen_search.js';

/** A device that forwards so many frames a second, tried for a second; the generator makes so many. */
function search(device: number, options: { generator?: number; limit?: number; highest?: number } = {}) {
  const { generator = Infinity, limit = 0, highest = 1_000_000 } = options;
  const seen: Trial[] = [];
  const result = searchThroughput({
    highest,
    lossLimitPercent: limit,
    trial: async (rate) => {
      const sent = Math.min(rate, generator);
      return { rate, wanted: rate, sent, received: Math.min(sent, device) };
    },
    onTrial: (trial) => seen.push(trial),
  });
  return result.then((found) => ({ ...found, seen }));
}

describe('the search for the throughput', () => {
  it('finds the fastest rate without loss, to a hundredth of the highest', async () => {
    const { rate, trials, seen } = await search(333_333);
    expect(rate).toBeGreaterThan(323_333);
    expect(rate).toBeLessThanOrEqual(333_333);
    expect(trials.length).toBeLessThan(10);
    expect(seen).toEqual(trials);
  });

  it('is done with the first trial when that passes', async () => {
    expect(await search(2_000_000)).toMatchObject({ rate: 1_000_000, trials: [{ passed: true }] });
  });

  it('allows so much loss as the limit says', async () => {
    const { rate } = await search(333_333, { limit: 10 });
    expect(rate).toBeGreaterThan(350_000);
    expect(rate).toBeLessThan(370_371);
  });

  it('does not believe a rate that the generator could not keep', async () => {
    const { rate, best } = await search(2_000_000, { generator: 500_000 });
    expect(rate).toBeLessThanOrEqual(505_051);
    expect(best?.kept).toBe(true);
  });

  it('says 0 when not even the slowest passes', async () => {
    expect(await search(0)).toMatchObject({ rate: 0, best: null });
  });

  it('ends when it is told to', async () => {
    const abort = new AbortController();
    abort.abort();
    const trial = () => Promise.reject(new Error('no trial was to be made'));
    const found = await searchThroughput({ highest: 1, lossLimitPercent: 0, trial, signal: abort.signal });
    expect(found).toMatchObject({ rate: 0, trials: [] });
  });
});
