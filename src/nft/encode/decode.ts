/** Messages of the kernel (a dump's, a batch's, an event's) to the IR. */
import { NFNL_SUBSYS_NFTABLES } from '../../../assembly/abi/nfnl.js';
import { NftMsg } from '../../../assembly/abi/nf_tables.js';
import { NetError } from '../../net_error.js';
import { type NlMsg, readNfMsg } from '../../netlink/nlmsg.js';
import type { Family } from '../ast.js';
import type { IrThing } from '../ir.js';
import { FAMILY_NUMBER } from './message.js';
import { readChain, readFlowtable, readObject, readTable } from './object.js';
import { readRule } from './rule.js';
import { readElements, readSet } from './set.js';

const FAMILY_NAME = new Map(
  (Object.entries(FAMILY_NUMBER) as [Family, number][]).map(([name, number]) => [number, name]),
);

/** `dataType`: of elements, the type of what their map holds (NFTA_SET_DATA_TYPE). */
export function decodeMessage(message: NlMsg, dataType?: number): IrThing {
  const { subsystem, message: kind, family: number, attrs } = readNfMsg(message);
  const family = FAMILY_NAME.get(number);
  if (subsystem !== NFNL_SUBSYS_NFTABLES || family === undefined)
    throw new NetError('EBADMSG', `message ${message.type} of family ${number} is not of nf_tables`);
  switch (kind) {
    case NftMsg.NEWTABLE:
    case NftMsg.DELTABLE:
      return readTable(family, attrs);
    case NftMsg.NEWCHAIN:
    case NftMsg.DELCHAIN:
      return readChain(family, attrs);
    case NftMsg.NEWRULE:
    case NftMsg.DELRULE:
      return readRule(family, attrs);
    case NftMsg.NEWSET:
    case NftMsg.DELSET:
      return readSet(family, attrs);
    case NftMsg.NEWSETELEM:
    case NftMsg.DELSETELEM:
      return readElements(family, attrs, dataType);
    case NftMsg.NEWOBJ:
    case NftMsg.DELOBJ:
      return readObject(family, attrs);
    case NftMsg.NEWFLOWTABLE:
    case NftMsg.DELFLOWTABLE:
      return readFlowtable(family, attrs);
    default:
      throw new NetError('EBADMSG', `message ${kind} of nf_tables is not one of a thing`);
  }
}
