/** NFT_OBJECT_* of the kinds of named objects. */
import { NftObject } from '../../../assembly/abi/nf_tables.js';
import type { ObjectType } from '../ast.js';

export const OBJECT_NUMBER: Readonly<Record<ObjectType, number>> = {
  counter: NftObject.COUNTER,
  quota: NftObject.QUOTA,
  'ct helper': NftObject.CT_HELPER,
  limit: NftObject.LIMIT,
  'ct timeout': NftObject.CT_TIMEOUT,
  secmark: NftObject.SECMARK,
  'ct expectation': NftObject.CT_EXPECT,
  synproxy: NftObject.SYNPROXY,
};

export const objectNumber = (type: ObjectType): number => OBJECT_NUMBER[type];
