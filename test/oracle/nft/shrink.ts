/**
 * Makes a failing case small: frames, then lines and blocks of the ruleset, then elements between braces, as long as
 * the two still differ. What is left is printed as a case of the case file.
 */
import { frameText } from '../../../src/drivers/frame_text.js';
import type { FrameStep } from '../router.js';
import { frameLine, type NftCase } from './nft_case.js';

/** True when `text` still loads and the frames still tell the two apart. */
export type Differs = (text: string, frames: readonly FrameStep[]) => Promise<boolean>;

export interface Small {
  text: string;
  frames: readonly FrameStep[];
}

/** Pieces of `items` without which the answer stays the same are left out, larger ones first. */
async function fewer<T>(
  items: readonly T[],
  still: (items: readonly T[]) => Promise<boolean>,
  until: number,
): Promise<readonly T[]> {
  let left = items;
  for (let size = Math.ceil(left.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = Math.max(0, left.length - size); ; at = Math.max(0, at - size)) {
      if (performance.now() > until) return left;
      const without = [...left.slice(0, at), ...left.slice(at + size)];
      if (without.length < left.length && (await still(without))) left = without;
      if (at === 0) break;
    }
  }
  return left;
}

/** A line, or all lines from one that opens braces to the one that closes them. */
function blocks(lines: readonly string[]): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = [];
  const open: number[] = [];
  lines.forEach((line, i) => {
    const depth = line.split('{').length - line.split('}').length;
    if (depth > 0) open.push(i);
    else if (depth < 0) found.push({ from: open.pop() ?? i, to: i });
    else found.push({ from: i, to: i });
  });
  return found.sort((a, b) => b.to - b.from - (a.to - a.from));
}

async function fewerLines(text: string, still: (text: string) => Promise<boolean>, until: number) {
  let lines = text.split('\n');
  for (let again = true; again; ) {
    again = false;
    for (const { from, to } of blocks(lines)) {
      if (performance.now() > until) return lines.join('\n');
      const without = [...lines.slice(0, from), ...lines.slice(to + 1)];
      if (!(await still(without.join('\n')))) continue;
      lines = without;
      again = true;
      break;
    }
  }
  return lines.join('\n');
}

async function fewerElements(text: string, still: (text: string) => Promise<boolean>, until: number) {
  let left = text;
  for (let n = 0; ; n++) {
    const lists = [...left.matchAll(/\{([^{}\n]*,[^{}\n]*)\}/g)];
    const list = lists[n];
    if (list === undefined) return left;
    const build = (items: readonly string[]): string =>
      `${left.slice(0, list.index)}{${items.join(',')}}${left.slice(list.index + list[0].length)}`;
    const items = await fewer(
      list[1]!.split(','),
      async (some) => some.length > 0 && still(build(some)),
      until,
    );
    left = build(items);
  }
}

export async function shrink(small: Small, differs: Differs, patienceMs: number): Promise<Small> {
  const begin = performance.now();
  const by = (share: number): number => begin + patienceMs * share;
  const differing: Differs = (text, frames) => differs(text, frames).catch(() => false);
  let { text, frames } = small;
  frames = await fewer(frames, (some) => differing(text, some), by(0.5));
  text = await fewerLines(text, (some) => differing(some, frames), by(0.75));
  text = await fewerElements(text, (some) => differing(some, frames), by(0.9));
  frames = await fewer(frames, (some) => differing(text, some), by(1));
  return { text, frames };
}

/** As TypeScript for test/oracle/nft/cases, each frame in words behind it. */
export function caseText(one: NftCase, { text, frames }: Small): string {
  const bridge = one.bridge === true ? '\n  bridge: true,' : '';
  const lines = frames.map((step) => `    '${frameLine(step)}', // ${frameText(step.frame)}`);
  return `{\n  name: '${one.name}: ...',${bridge}\n  text: \`\n${text}\n\`,\n  frames: [\n${lines.join('\n')}\n  ],\n}`;
}
