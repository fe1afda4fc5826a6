/**
 * Rounds of random input up to a count. A long run (LONG=true) remembers in build/long how far it came and goes on there;
 * FUZZ_SEED=n begins at round n and remembers nothing.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const LONG = process.env.LONG === 'true';
const { FUZZ_SEED } = process.env;

interface Progress {
  seed: number;
  done: number;
}

export interface Rounds {
  /** What stands in the file's name and before what is said. */
  readonly name: string;
  readonly count: number;
  /** Of the first round. */
  readonly seed: number;
  /** The variable that holds the count, for the line that repeats a failure. */
  readonly variable: string;
  /** Inputs of a round; 1 where a round itself knows better. */
  readonly size: number;
  /** One round; returns how many inputs it was. */
  readonly round: (seed: number, size: number) => Promise<number>;
}

export async function runRounds({ name, count, seed, variable, size: most, round }: Rounds): Promise<void> {
  const file = `build/long/${name.replace('/', '_')}.json`;
  const remembers = LONG && FUZZ_SEED === undefined;
  const progress: Progress = (remembers ? read(file) : undefined) ?? {
    seed: Number(FUZZ_SEED ?? seed),
    done: 0,
  };
  console.log(`${name}: rounds from FUZZ_SEED=${progress.seed}, ${progress.done} of ${count} done before`);
  while (progress.done < count) {
    const size = Math.min(most, count - progress.done);
    try {
      progress.done += await round(progress.seed, size);
    } catch (error) {
      const again = `FUZZ_SEED=${progress.seed} ${variable}=${size}`;
      throw new Error(`${again}: ${(error as Error).message}`, { cause: error });
    }
    progress.seed++;
    if (!remembers) continue;
    mkdirSync('build/long', { recursive: true });
    writeFileSync(file, JSON.stringify(progress));
  }
}

function read(file: string): Progress | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Progress;
  } catch {
    return undefined;
  }
}
