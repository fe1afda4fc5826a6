/**
 * A suite: a setup (the bench), and cases that use it one after the other. The rig runs them, and so does vitest (test/board):
 * a case is a plain function that throws when something is wrong, and may return figures for the report.
 */
import { missingHere, type Need } from './needs.js';
import type { RigBoard, SuiteName } from './rig_config.js';

/** Where a suite runs. */
export interface Place {
  readonly board: RigBoard;
  /** For captures and logs. */
  readonly folder: string;
  readonly seed: number;
  /** The counts that a release is tested with, instead of those of every day. */
  readonly long: boolean;
  /** Progress of a case that takes long. */
  readonly progress?: (text: string) => void;
}

export type Figures = Readonly<Record<string, unknown>>;

export interface CaseHead {
  readonly name: string;
  /** The longest that it may take. */
  readonly limitMs: number;
}

interface Case<B> extends CaseHead {
  run(bench: B, place: Place): Promise<Figures>;
}

export interface OpenSuite {
  /** Case `n` of those that cases() names. */
  run(n: number): Promise<Figures>;
  close(): Promise<void>;
}

export interface Suite {
  readonly name: SuiteName;
  /** Why it cannot run with this board on this machine; undefined when it can. */
  missing(board: RigBoard): string | undefined;
  cases(long: boolean): readonly CaseHead[];
  open(place: Place): Promise<OpenSuite>;
}

interface Definition<B extends { close(): Promise<void> }> {
  readonly name: SuiteName;
  readonly needs: readonly Need[];
  cases(long: boolean): readonly Case<B>[];
  open(place: Place): Promise<B>;
}

export function suite<B extends { close(): Promise<void> }>(definition: Definition<B>): Suite {
  const { name, needs } = definition;
  return {
    name,
    missing: (board) => missingHere(needs, board),
    cases: (long) => definition.cases(long),
    async open(place) {
      const cases = definition.cases(place.long);
      const bench = await definition.open(place);
      return {
        run: (n) => cases[n]!.run(bench, place),
        close: () => bench.close(),
      };
    },
  };
}
