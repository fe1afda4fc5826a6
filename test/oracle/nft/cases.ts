/** The rulesets of the nftables oracle, by feature. */
import { chains } from './cases/chains.js';
import { ct } from './cases/ct.js';
import { deeper } from './cases/deeper.js';
import { families } from './cases/families.js';
import { guest } from './cases/guest.js';
import { meta } from './cases/meta.js';
import { natCases } from './cases/nat.js';
import { payload } from './cases/payload.js';
import { sets } from './cases/sets.js';
import { statements } from './cases/statements.js';
import { vrf } from './cases/vrf.js';
import type { NftCase } from './nft_case.js';

export function allCases(): readonly NftCase[] {
  return [
    ...payload,
    ...meta,
    ...ct,
    ...sets,
    ...statements,
    ...chains,
    ...natCases,
    ...families,
    ...deeper,
    ...guest,
    ...vrf,
  ];
}
