import { describe, expect, it } from 'vitest';
import { Progress } from './progress.js';
import { type Result, reportJson, reportJunit, type RunFacts } from './report.js';

const FACTS: RunFacts = {
  seed: 7,
  started: '2026-01-31T12:00:00.000Z',
  long: false,
  machine: { node: 'v20' },
  core: 'c0de',
  firmware: { virt64: { sha256: 'ab', build: 'cd' } },
  boards: [{ name: 'virt64', line: 'qemu:virt64' }],
  interrupted: false,
};
const RESULTS: Result[] = [
  {
    board: 'virt64',
    suite: 'ping',
    name: 'pings',
    state: 'passed',
    ms: 1500,
    figures: { rttMs: 2, text: 'x' },
  },
  { board: 'virt64', suite: 'ping', name: 'a "b" <c>', state: 'failed', ms: 20, why: 'x & y\u0000\nsecond' },
  { board: 'usb0', suite: 'board', name: 'is there', state: 'skipped', ms: 0, why: 'missing: no tty' },
];

describe('the report of a run', () => {
  it('is JSON with the facts, the counts and every result', () => {
    expect(JSON.parse(reportJson(FACTS, RESULTS))).toEqual({
      ...FACTS,
      passed: 1,
      failed: 1,
      skipped: 1,
      results: RESULTS,
    });
  });

  it('is JUnit XML, a suite for each board and suite, escaped', () => {
    expect(reportJunit(FACTS, RESULTS)).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="hil" tests="3" failures="1" errors="0" skipped="1" time="1.520">
  <testsuite name="virt64.ping" tests="2" failures="1" errors="0" skipped="0" time="1.520" timestamp="2026-01-31T12:00:00">
    <properties><property name="seed" value="7"/><property name="core" value="c0de"/></properties>
    <testcase classname="virt64.ping" name="pings" time="1.500"/>
    <testcase classname="virt64.ping" name="a &quot;b&quot; &lt;c&gt;" time="0.020"><failure message="x &amp; y">x &amp; y&#10;second</failure></testcase>
  </testsuite>
  <testsuite name="usb0.board" tests="1" failures="0" errors="0" skipped="1" time="0.000" timestamp="2026-01-31T12:00:00">
    <properties><property name="seed" value="7"/><property name="core" value="c0de"/></properties>
    <testcase classname="usb0.board" name="is there" time="0.000"><skipped message="missing: no tty"/></testcase>
  </testsuite>
</testsuites>
`);
  });
});

describe('progress', () => {
  const shown = (isTTY: boolean): string => {
    let text = '';
    const progress = new Progress({
      isTTY,
      columns: 20,
      write: (more) => {
        text += more;
      },
    });
    progress.now('virt64/ping: 56 bytes by IPv4');
    for (const result of RESULTS) progress.result(result);
    return text;
  };

  it('in a pipe is a line a result', () => {
    expect(shown(false)).toBe(
      [
        ' ✓ virt64/ping: pings  1.5 s  (rttMs 2)',
        ' ✗ virt64/ping: a "b" <c>  0.0 s',
        '     x & y\u0000',
        '     second',
        ' - usb0/board: is there',
        '     missing: no tty',
        '',
      ].join('\n'),
    );
  });

  it('on a terminal also says what is under way, in a line that is no longer than the terminal', () => {
    expect(shown(true)).toContain('\r\u001b[Kvirt64/ping: 56 byt\r\u001b[K ✓ virt64');
  });
});
