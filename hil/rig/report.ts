/** What a run came to: lines of results, and the two files that others read, results.json and junit.xml. */

export type State = 'passed' | 'failed' | 'skipped';

export interface Result {
  readonly board: string;
  readonly suite: string;
  readonly name: string;
  readonly state: State;
  readonly ms: number;
  /** Of what failed, or why it was skipped. */
  readonly why?: string;
  /** Of the error. */
  readonly stack?: string;
  readonly figures?: Readonly<Record<string, unknown>>;
}

export interface RunFacts {
  readonly seed: number;
  readonly started: string;
  readonly long: boolean;
  readonly machine: Readonly<Record<string, unknown>>;
  /** SHA-256 of the core that the router ran. */
  readonly core: string | undefined;
  /** By name of the image: SHA-256 of the file, and the build that its banner says. */
  readonly firmware: Readonly<Record<string, { sha256: string; build: string }>>;
  readonly boards: readonly { name: string; line: string; missing?: string }[];
  readonly interrupted: boolean;
}

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export function totals(results: readonly Result[]): Totals {
  const count = (state: State): number => results.filter((result) => result.state === state).length;
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}

export function reportJson(facts: RunFacts, results: readonly Result[]): string {
  return `${JSON.stringify({ ...facts, ...totals(results), results }, null, 2)}\n`;
}

/** Characters that XML 1.0 has no way to say are left out. */
function xml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/[\n\r\t]/g, (c) => `&#${c.charCodeAt(0)};`);
}

const seconds = (ms: number): string => (ms / 1000).toFixed(3);

function testCase({ board, suite, name, state, ms, why = '', stack = why }: Result): string {
  const head = `    <testcase classname="${xml(`${board}.${suite}`)}" name="${xml(name)}" time="${seconds(ms)}"`;
  if (state === 'passed') return `${head}/>`;
  const [first = ''] = why.split('\n');
  const inner =
    state === 'failed'
      ? `<failure message="${xml(first)}">${xml(stack)}</failure>`
      : `<skipped message="${xml(first)}"/>`;
  return `${head}>${inner}</testcase>`;
}

export function reportJunit(facts: RunFacts, results: readonly Result[]): string {
  const groups = new Map<string, Result[]>();
  for (const result of results) {
    const key = `${result.board}.${result.suite}`;
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  const counts = (some: readonly Result[]): string => {
    const { failed, skipped } = totals(some);
    const ms = some.reduce((sum, result) => sum + result.ms, 0);
    return `tests="${some.length}" failures="${failed}" errors="0" skipped="${skipped}" time="${seconds(ms)}"`;
  };
  const properties = Object.entries({ seed: facts.seed, core: facts.core ?? '' })
    .map(([name, value]) => `<property name="${name}" value="${xml(String(value))}"/>`)
    .join('');
  const suites = [...groups].map(([name, some]) =>
    [
      `  <testsuite name="${xml(name)}" ${counts(some)} timestamp="${facts.started.slice(0, 19)}">`,
      `    <properties>${properties}</properties>`,
      ...some.map(testCase),
      '  </testsuite>',
    ].join('\n'),
  );
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="hil" ${counts(results)}>`,
    ...suites,
    '</testsuites>',
    '',
  ].join('\n');
}
