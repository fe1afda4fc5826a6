/** What nft keeps with a set: byte orders, of what its key was made, auto-merge, comment (linearize/userdata.ts writes it). */
import type { ByteOrder } from '../datatype/datatype.js';

const ORDERS: readonly ByteOrder[] = ['none', 'host', 'big'];

/** Values by their type; of several of one type the last. */
export function userdataItems(data: Uint8Array | undefined): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  for (let at = 0; data !== undefined && at + 2 <= data.length; at += 2 + data[at + 1]!)
    found.set(data[at]!, data.subarray(at + 2, at + 2 + data[at + 1]!));
  return found;
}

export function userdataU32(bytes: Uint8Array | undefined): number | undefined {
  if (bytes?.length !== 4) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
}

export interface SetUserdata {
  readonly keyOrder?: ByteOrder;
  readonly dataOrder?: ByteOrder;
  readonly autoMerge: boolean;
  readonly keyTypeof?: Uint8Array;
  readonly dataTypeof?: Uint8Array;
  readonly dataInterval: boolean;
}

export function setUserdataOf(data: Uint8Array | undefined): SetUserdata {
  const items = userdataItems(data);
  const order = (type: number): ByteOrder | undefined => ORDERS[userdataU32(items.get(type)) ?? -1];
  const keyOrder = order(0);
  const dataOrder = order(1);
  const keyTypeof = items.get(3);
  const dataTypeof = items.get(4);
  return {
    ...(keyOrder && { keyOrder }),
    ...(dataOrder && { dataOrder }),
    autoMerge: userdataU32(items.get(2)) === 1,
    ...(keyTypeof && { keyTypeof }),
    ...(dataTypeof && { dataTypeof }),
    dataInterval: userdataU32(items.get(6)) === 1,
  };
}
