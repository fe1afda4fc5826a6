/**
 * Throughput as RFC 2544 §26.1 has it: "the fastest rate at which the count of test frames transmitted by the DUT is equal
 * to the number of test frames sent to it". A binary search; a trial passes when the generator kept its rate and no more
 * than the limit was lost.
 *
 *   0 ────── passed ───────┼──────── failed ─────── highest
 *                        trial: the middle, until both ends are `precision` of the highest apart
 */

export interface Trial {
  /** Frames or bits a second. */
  readonly rate: number;
  readonly sent: number;
  readonly received: number;
  /** Percent of what was sent. */
  readonly lossPercent: number;
  /** The generator did not fall behind by more than a hundredth. */
  readonly kept: boolean;
  readonly passed: boolean;
}

export interface SearchOptions {
  /** The rate to begin with, which nothing exceeds. */
  readonly highest: number;
  /** The two ends may lie apart at most, as a part of the highest. Default: 0.01. */
  readonly precision?: number;
  readonly lossLimitPercent: number;
  readonly trial: (
    rate: number,
  ) => Promise<Omit<Trial, 'lossPercent' | 'passed' | 'kept'> & { wanted: number }>;
  readonly onTrial?: (trial: Trial) => void;
  readonly signal?: AbortSignal;
}

export interface SearchResult {
  /** The fastest rate that passed; 0 when none did. */
  readonly rate: number;
  readonly best: Trial | null;
  readonly trials: readonly Trial[];
}

const KEPT = 0.99;

export async function searchThroughput(options: SearchOptions): Promise<SearchResult> {
  const { highest, precision = 0.01, lossLimitPercent, onTrial, signal } = options;
  const trials: Trial[] = [];
  let [passed, failed] = [0, highest];
  let best: Trial | null = null;
  let rate = highest;
  const ended = () => signal?.aborted === true;
  while (!ended()) {
    const { wanted, ...counts } = await options.trial(rate);
    if (ended()) break;
    const { sent, received } = counts;
    const lossPercent = sent === 0 ? 100 : (Math.max(0, sent - received) / sent) * 100;
    const kept = sent >= wanted * KEPT;
    const trial: Trial = { ...counts, lossPercent, kept, passed: kept && lossPercent <= lossLimitPercent };
    trials.push(trial);
    onTrial?.(trial);
    if (trial.passed) {
      passed = rate;
      best = trial;
    } else failed = rate;
    if (passed === highest || failed - passed <= highest * precision) break;
    rate = Math.round((passed + failed) / 2);
    if (rate === passed || rate === failed) break;
  }
  return { rate: best?.rate ?? 0, best, trials };
}
