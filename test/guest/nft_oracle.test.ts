/**
 * The oracle of nftables (test/oracle/nft) with Debian's kernel: the rulesets that need what other kernels may lack (flow
 * tables, queues, tracking on a bridge), and some of the others, as what Linux does should not depend on its version.
 */
import { execFileSync } from 'node:child_process';
import { beforeAll, describe } from 'vitest';
import { allCases } from '../oracle/nft/cases.js';
import { compareRulesets } from '../oracle/nft/compare.js';

const seed = Number(process.env.FUZZ_SEED ?? 1);
/** Emulated, each case takes a while. */
const packets = Number(process.env.NFT_PACKETS ?? 400);
const SAMPLE = ['dup: ', 'tproxy: ', 'netdev: fwd and dup'];
/** Emulated, Linux sends the copy and the packet now in one order, now in the other. */
const UNFAIR = 'dup: a copy to a gateway of IPv6';

// Its sysctls are there with it.
beforeAll(() => {
  execFileSync('modprobe', ['nf_conntrack']);
});

describe("the same rulesets on Debian's kernel and on ours", () => {
  const cases = allCases().filter(
    ({ name, needs }) =>
      name !== UNFAIR && (needs !== undefined || SAMPLE.some((start) => name.startsWith(start))),
  );
  compareRulesets(cases, { packets, seed, engines: 0 });
});
