/** `calib_ns`: a fixed loop that has nothing to do with packets; when it is slow, so was the machine. */
import { loadNic } from './core/memory_nic.js';
import { type BenchResult, result } from './suite.js';

const STEPS = 2_000_000;
const INCLUDES =
  '2 million dependent multiplications in WebAssembly, per step; high or scattered: a noisy machine';

export class Calibration {
  private readonly samples: number[] = [];

  private constructor(private readonly loop: (steps: number) => number) {
    for (let i = 0; i < 3; i++) this.loop(STEPS);
  }

  static async create(): Promise<Calibration> {
    const nic = await loadNic(new WebAssembly.Memory({ initial: 2, maximum: 65536, shared: true }));
    return new Calibration(nic.calibrate);
  }

  /** Takes a few milliseconds. */
  sample(): void {
    const begin = performance.now();
    this.loop(STEPS);
    this.samples.push(((performance.now() - begin) * 1e6) / STEPS);
  }

  result(): BenchResult {
    return result('calib_ns', 'ns', this.samples, INCLUDES);
  }
}
