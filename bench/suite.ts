/**
 * What a suite is: named measurements, each taking samples in rounds, so that what is compared takes turns and a noisy
 * neighbour meets both. The runner (bench/index) prints and writes what comes out of it.
 */
import { cpus, release, totalmem } from 'node:os';

export interface BenchResult {
  readonly name: string;
  /** Median of the samples, in `unit`. */
  readonly value: number;
  readonly unit: string;
  /** The peer's median in the same unit, and value ÷ against. */
  readonly against?: number;
  readonly ratio?: number;
  readonly samples: readonly number[];
  /** The peer's samples. */
  readonly againstSamples?: readonly number[];
  /** What the figure includes. */
  readonly includes: string;
}

/** How a suite tells what it does: one line at a time. */
export type Progress = (text: string) => void;

export interface SuiteRun {
  /** The names wanted; every name of the suite by default. */
  readonly names: ReadonlySet<string>;
  readonly progress: Progress;
  readonly result: (result: BenchResult) => void;
}

export interface Suite {
  readonly name: string;
  readonly summary: string;
  readonly names: readonly string[];
  /** Why it cannot run here, or null. */
  readonly problem: () => string | null;
  readonly run: (run: SuiteRun) => Promise<void>;
}

export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** A result of samples, compared with those of a peer when there are any. */
export function result(
  name: string,
  unit: string,
  samples: readonly number[],
  includes: string,
  peer?: readonly number[],
): BenchResult {
  const value = median(samples);
  if (peer === undefined) return { name, value, unit, samples, includes };
  const against = median(peer);
  return { name, value, unit, against, ratio: value / against, samples, againstSamples: peer, includes };
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMb: number;
  readonly system: string;
  readonly node: string;
  readonly v8: string;
}

export function machine(): Machine {
  const cores = cpus();
  return {
    cpu: cores[0]?.model.trim() ?? 'unknown',
    cores: cores.length,
    memoryMb: Math.round(totalmem() / 2 ** 20),
    system: `${process.platform} ${release()} ${process.arch}`,
    node: process.version,
    v8: process.versions.v8,
  };
}
