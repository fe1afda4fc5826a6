/** Messages of a dump (NFT_MSG_GET*) as the IR: a NEWTABLE, NEWCHAIN, NEWRULE and so on each. */
import { NftMsg, NftaSetElemList } from '../../../assembly/abi/nf_tables.js';
import { type NlMsg, readNfMsg } from '../../netlink/nlmsg.js';
import type { Family } from '../ast.js';
import type { IrSet, IrThing } from '../ir.js';
import { FAMILY_NUMBER } from './message.js';
import { readChain, readFlowtable, readObject, readTable } from './object.js';
import { readRule } from './rule.js';
import { readElements, readSet } from './set.js';

const FAMILIES = new Map((Object.entries(FAMILY_NUMBER) as [Family, number][]).map(([name, n]) => [n, name]));

/** Sets go before their elements: they say what the values of a map are. `known`: where sets stand that are not told. */
export function readDump(messages: readonly NlMsg[], known: readonly IrThing[] = []): IrThing[] {
  const sets: IrSet[] = known.filter((thing) => thing.kind === 'set');
  return messages.flatMap((message): readonly IrThing[] => {
    const { family: number, attrs } = readNfMsg(message);
    const family = FAMILIES.get(number);
    if (family === undefined) return [];
    switch ((message.type & 0xff) as NftMsg) {
      case NftMsg.NEWTABLE:
        return [readTable(family, attrs)];
      case NftMsg.NEWCHAIN:
        return [readChain(family, attrs)];
      case NftMsg.NEWRULE:
        return [readRule(family, attrs)];
      case NftMsg.NEWSET: {
        const set = readSet(family, attrs);
        sets.push(set);
        return [set];
      }
      case NftMsg.NEWSETELEM: {
        const table = attrs.text(NftaSetElemList.TABLE);
        const name = attrs.text(NftaSetElemList.SET);
        const set = sets.find((each) => each.family === family && each.table === table && each.name === name);
        return [readElements(family, attrs, set?.dataType)];
      }
      case NftMsg.NEWOBJ: {
        const object = readObject(family, attrs);
        return object === undefined ? [] : [object];
      }
      case NftMsg.NEWFLOWTABLE:
        return [readFlowtable(family, attrs)];
      default:
        return [];
    }
  });
}
