/** The rules that a namespace has now, for those who tell a packet's way through them. */
import type { Namespace } from '../net/namespace.js';
import { readMessages } from '../netlink/nlmsg.js';
import { systemNames } from '../nft/datatype/names.js';
import { readDump } from '../nft/encode/dump.js';
import { type RulePlaces, RuleTexts } from '../replay/rule_texts.js';
import { dumpRuleset } from '../services/ruleset_dump.js';

export async function namespaceRules(namespace: Namespace, places?: RulePlaces): Promise<RuleTexts> {
  const links = new Map((await namespace.links()).map(({ name, ifindex }) => [ifindex, name]));
  const things = readDump(readMessages(await dumpRuleset(namespace.nfnl)));
  return new RuleTexts(things, { ...systemNames(), ifname: (index) => links.get(index) }, places);
}
