/** The oracle (test/oracle/compare.ts) with the cases that every kernel can run. */
import { describe, expect, it } from 'vitest';
import { cases } from '../oracle/cases.js';
import { compareWithLinux } from '../oracle/compare.js';
import { differences } from '../oracle/differences.js';
import { tapMissing } from './netns.js';

const missing = tapMissing();
if (missing !== undefined) console.log(`test/kernel/oracle skipped: ${missing}`);

describe('the case file', () => {
  it('has at least 100 cases, each with a name of its own', () => {
    expect(cases.length).toBeGreaterThanOrEqual(100);
    expect(new Set(cases.map((one) => one.name)).size).toBe(cases.length);
  });

  it('has a case for each deliberate difference', () => {
    const names = new Set(cases.map((one) => one.name));
    for (const difference of differences) expect(names).toContain(difference.name);
  });
});

describe.skipIf(missing !== undefined)('the same packets through Linux and through our router', () => {
  compareWithLinux(cases.filter(({ needs }) => needs === undefined));
});
