/** `ww up` without a file, as root: the built-in lab with hosts of the guest's kernel, a second version of Linux. */
import { afterEach, expect, it } from 'vitest';
import { leftovers, Ww } from '../product/ww_process.js';

/** Emulated, `ww` takes some seconds to start. */
const WAIT_MS = 90_000;
const PROOFS = 10;

let ww: Ww | undefined;
afterEach(() => ww?.kill('SIGKILL'));

it(
  "proves itself with hosts of Debian's kernel, and leaves nothing",
  async () => {
    ww = new Ww(['up', '--json'], { waitMs: WAIT_MS });
    await ww.line(({ msg }) => msg === 'try next');
    ww.kill('SIGINT');
    expect(await ww.exited, ww.stderr.join('\n')).toEqual({ code: 0, signal: null });
    const summary = JSON.parse(ww.stdout) as {
      hosts: string;
      proof: { complete: boolean; results: { name: string; ok: boolean }[] };
    };
    expect(summary).toMatchObject({ hosts: 'kernel', proof: { complete: true } });
    expect(summary.proof.results.filter(({ ok }) => !ok)).toEqual([]);
    expect(summary.proof.results).toHaveLength(PROOFS);
    expect(leftovers(ww.pid)).toEqual([]);
  },
  2 * WAIT_MS,
);
