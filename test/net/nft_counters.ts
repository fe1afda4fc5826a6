/** The counters of a namespace's rules, in the order of rules: what tests compare when rules have run. */
import { NftaRule, NftMsg } from '../../assembly/abi/nf_tables.js';
import type { Namespace } from '../../src/net/namespace.js';
import { NlAttrs } from '../../src/netlink/nlattr.js';
import { readNfMsg } from '../../src/netlink/nlmsg.js';

const SUBSYS_NFT = 10 << 8;

export interface Counted {
  packets: number;
  bytes: number;
}

export async function counters(ns: Namespace): Promise<Counted[]> {
  const rules = await ns.nfnl.dump(SUBSYS_NFT | NftMsg.GETRULE, 0);
  return rules.flatMap((rule) => {
    const exprs = readNfMsg(rule).attrs.nested(NftaRule.EXPRESSIONS)?.all(1) ?? [];
    return exprs.flatMap((bytes) => {
      const attrs = new NlAttrs(bytes);
      if (attrs.text(1) !== 'counter') return [];
      const data = attrs.nested(2)!;
      return [{ packets: Number(data.u64(2)), bytes: Number(data.u64(1)) }];
    });
  });
}

/** Packets alone. */
export async function counts(ns: Namespace): Promise<number[]> {
  return (await counters(ns)).map(({ packets }) => packets);
}
