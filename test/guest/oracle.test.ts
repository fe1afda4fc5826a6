/**
 * The oracle with Debian's kernel: the cases that need what other kernels may lack, and every tenth of the others, as
 * what Linux does should not depend on its version.
 */
import { describe } from 'vitest';
import { cases } from '../oracle/cases.js';
import { compareWithLinux } from '../oracle/compare.js';

const EVERY = 10;

describe("the same packets through Debian's kernel and through our router", () => {
  const common = cases.filter(
    ({ name, needs, steps }) =>
      needs === undefined &&
      // Before 6.11 the seed of the hash that chooses a next hop cannot be set (fib_multipath_hash_seed).
      !name.startsWith('Multipath: ') &&
      steps.every(({ kind }) => kind === 'frame'),
  );
  const sample = common.filter((_one, i) => i % EVERY === 0);
  // Emulated, so that one build has to do; the kernel tier runs them all.
  compareWithLinux([...cases.filter(({ needs }) => needs !== undefined), ...sample], [{}]);
});
