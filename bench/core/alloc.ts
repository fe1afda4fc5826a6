/**
 * Bytes that JavaScript allocates while something runs, those collected in the meantime included.
 *
 * V8's "used heap" follows the allocation pointers, so between two garbage collections its growth is exactly what was
 * allocated. The work is done in steps with a reading before and after each, and an empty step beside it tells what the
 * readings themselves take. A collection shrinks the heap and would hide something: a step with one is done again.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

const REPEATS_MAX = 50;
/** The JIT settles in them. */
const WARM_STEPS = 40;

export interface Allocated {
  readonly bytes: number;
  /** Steps that were done again because a collection ran in them. */
  readonly repeated: number;
}

/** Runs `step(size)` `steps` times, after some to warm up; step(0) does nothing but what surrounds the work. */
export async function allocatedBytes(
  steps: number,
  size: number,
  step: (size: number) => void,
): Promise<Allocated> {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error('run node with --expose-gc');
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  observer.observe({ entryTypes: ['gc'] });
  try {
    let bytes = 0;
    let repeated = 0;
    for (let done = -WARM_STEPS; done < steps; ) {
      if (done === 0 && repeated === 0) {
        collect();
        await sleep(20);
      }
      await settle();
      const before = collections;
      const grown = measure(step, size) - measure(step, 0);
      await settle();
      if (done >= 0 && collections !== before) {
        if (++repeated > REPEATS_MAX) throw new Error('garbage collections leave no step undisturbed');
        continue;
      }
      if (done >= 0) bytes += grown;
      done++;
    }
    return { bytes, repeated };
  } finally {
    observer.disconnect();
  }
}

/** The observer's entries come by the event loop. */
function settle(): Promise<void> {
  return new Promise((next) => setImmediate(next));
}

function measure(step: (size: number) => void, size: number): number {
  const before = process.memoryUsage().heapUsed;
  step(size);
  return process.memoryUsage().heapUsed - before;
}
