/**
 * The whole ruleset of a namespace as nf_tables tells of it: the messages of its dumps one behind the other, sets before
 * their elements. What `nft list ruleset` asks for, in one answer.
 */
import { NFNL_SUBSYS_NFTABLES } from '../../assembly/abi/nfnl.js';
import { NFT_SET_ANONYMOUS, NftaSetElemList, NftMsg } from '../../assembly/abi/nf_tables.js';
import type { Nfnl } from '../net/nfnl.js';
import { joinMessages, type NlMsg } from '../netlink/nlmsg.js';
import { readDump } from '../nft/encode/dump.js';
import { FAMILY_NUMBER } from '../nft/encode/message.js';

const NFPROTO_UNSPEC = 0;
const HEADS = [
  NftMsg.GETTABLE,
  NftMsg.GETOBJ,
  NftMsg.GETSET,
  NftMsg.GETFLOWTABLE,
  NftMsg.GETCHAIN,
  NftMsg.GETRULE,
];

/** `elements`: those of sets as well; those of anonymous sets always, since rules are read by them. */
export async function dumpRuleset(nfnl: Nfnl, elements = true): Promise<Uint8Array> {
  const messages: NlMsg[] = [];
  const ask = (what: NftMsg, family: number, fill?: Parameters<Nfnl['dump']>[2]) =>
    nfnl.dump((NFNL_SUBSYS_NFTABLES << 8) | what, family, fill);
  for (const what of HEADS) messages.push(...(await ask(what, NFPROTO_UNSPEC)));
  for (const thing of readDump(messages)) {
    if (thing.kind !== 'set' || !(elements || (thing.flags & NFT_SET_ANONYMOUS) !== 0)) continue;
    const told = await ask(NftMsg.GETSETELEM, FAMILY_NUMBER[thing.family], (attrs) => {
      attrs.text(NftaSetElemList.TABLE, thing.table).text(NftaSetElemList.SET, thing.name);
    });
    messages.push(...told);
  }
  return joinMessages(messages.map(({ bytes }) => bytes));
}
