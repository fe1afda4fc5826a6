/** Tables, chains, named objects and flowtables as messages and back. */
import {
  NFT_CHAIN_BINDING,
  NFTA_DEVICE_NAME,
  NftaChain,
  NftaCounter,
  NftaCtExpect,
  NftaCtHelper,
  NftaCtTimeout,
  NftaFlowtable,
  NftaFlowtableHook,
  NftaHook,
  NftaLimit,
  NftaObj,
  NftaQuota,
  NftaSynproxy,
  NftaTable,
} from '../../../assembly/abi/nf_tables.js';
import type { NlAttrs, NlAttrWriter } from '../../netlink/nlattr.js';
import type { Family, ObjectType } from '../ast.js';
import { valueBytes } from '../evaluate/node.js';
import { OBJECT_NUMBER, objectNumber } from '../evaluate/object_number.js';
import type { IrChain, IrFlowtable, IrHook, IrObject, IrObjectData, IrTable } from '../ir.js';
import { commentOf, commentUserdata } from '../linearize/userdata.js';

export function writeTable(table: IrTable, attrs: NlAttrWriter): void {
  if (table.name !== '') attrs.text(NftaTable.NAME, table.name);
  if (table.handle !== undefined) attrs.u64(NftaTable.HANDLE, table.handle);
  if (table.bare !== true) attrs.u32(NftaTable.FLAGS, table.flags);
  const userdata = commentUserdata(table.comment);
  if (userdata !== undefined) attrs.put(NftaTable.USERDATA, userdata);
}

export function readTable(family: Family, attrs: NlAttrs): IrTable {
  const handle = attrs.u64(NftaTable.HANDLE);
  const comment = commentOf(attrs.bytes(NftaTable.USERDATA));
  return {
    kind: 'table',
    family,
    name: attrs.text(NftaTable.NAME) ?? '',
    flags: attrs.u32(NftaTable.FLAGS) ?? 0,
    ...(handle !== undefined && { handle }),
    ...(comment !== undefined && { comment }),
  };
}

function writeHook({ number, priority, devices }: IrHook, attrs: NlAttrWriter): void {
  attrs.nest(NftaChain.HOOK, (hook) => {
    hook.u32(NftaHook.HOOKNUM, number).u32(NftaHook.PRIORITY, priority);
    const sorted = [...devices].sort();
    if (sorted.length === 1) hook.text(NftaHook.DEV, sorted[0]!);
    else if (sorted.length > 1) hook.nest(NftaHook.DEVS, (list) => writeDevices(sorted, list));
  });
}

function writeDevices(devices: readonly string[], list: NlAttrWriter): void {
  for (const device of devices) list.text(NFTA_DEVICE_NAME, device);
}

export function writeChain(chain: IrChain, attrs: NlAttrWriter, newname?: string): void {
  attrs.text(NftaChain.TABLE, chain.table);
  if (newname !== undefined) {
    // A chain is renamed by its handle, which only the kernel knows.
    if (chain.handle !== undefined) attrs.u64(NftaChain.HANDLE, chain.handle);
    attrs.text(NftaChain.NAME, newname);
    return;
  }
  if (chain.id !== undefined) attrs.u32(NftaChain.ID, chain.id).u32(NftaChain.FLAGS, NFT_CHAIN_BINDING);
  if (chain.name !== '') attrs.text(NftaChain.NAME, chain.name);
  if (chain.handle !== undefined) attrs.u64(NftaChain.HANDLE, chain.handle);
  if (chain.type !== undefined) attrs.text(NftaChain.TYPE, chain.type);
  if (chain.policy !== undefined) attrs.u32(NftaChain.POLICY, chain.policy);
  if (chain.hook !== undefined) writeHook(chain.hook, attrs);
  if (chain.flags !== undefined) attrs.u32(NftaChain.FLAGS, chain.flags);
  const userdata = commentUserdata(chain.comment);
  if (userdata !== undefined) attrs.put(NftaChain.USERDATA, userdata);
}

function readHook(hook: NlAttrs): IrHook {
  const device = hook.text(NftaHook.DEV);
  const list = hook.nested(NftaHook.DEVS)?.all(NFTA_DEVICE_NAME) ?? [];
  const names = list.map((bytes) => new TextDecoder().decode(bytes).replace(/\0.*$/s, ''));
  return {
    number: hook.u32(NftaHook.HOOKNUM) ?? 0,
    priority: hook.i32(NftaHook.PRIORITY) ?? 0,
    devices: device === undefined ? names : [device],
  };
}

export function readChain(family: Family, attrs: NlAttrs): IrChain {
  const hook = attrs.nested(NftaChain.HOOK);
  const type = attrs.text(NftaChain.TYPE);
  const policy = attrs.u32(NftaChain.POLICY);
  const flags = attrs.u32(NftaChain.FLAGS);
  const handle = attrs.u64(NftaChain.HANDLE);
  const comment = commentOf(attrs.bytes(NftaChain.USERDATA));
  return {
    kind: 'chain',
    family,
    table: attrs.text(NftaChain.TABLE) ?? '',
    name: attrs.text(NftaChain.NAME) ?? '',
    ...(type !== undefined && { type }),
    ...(hook && { hook: readHook(hook) }),
    ...(policy !== undefined && { policy }),
    ...(flags !== undefined && { flags }),
    ...(handle !== undefined && { handle }),
    ...(comment !== undefined && { comment }),
  };
}

export function writeFlowtable(flowtable: IrFlowtable, attrs: NlAttrWriter): void {
  attrs.text(NftaFlowtable.TABLE, flowtable.table);
  if (flowtable.name !== '') attrs.text(NftaFlowtable.NAME, flowtable.name);
  if (flowtable.handle !== undefined) attrs.u64(NftaFlowtable.HANDLE, flowtable.handle);
  const { hook } = flowtable;
  if (hook !== undefined)
    attrs.nest(NftaFlowtable.HOOK, (nest) => {
      nest.u32(NftaFlowtableHook.NUM, hook.number).u32(NftaFlowtableHook.PRIORITY, hook.priority);
      nest.nest(NftaFlowtableHook.DEVS, (list) => writeDevices([...hook.devices].sort(), list));
    });
  if (flowtable.bare !== true) attrs.u32(NftaFlowtable.FLAGS, flowtable.flags);
}

export function readFlowtable(family: Family, attrs: NlAttrs): IrFlowtable {
  const hook = attrs.nested(NftaFlowtable.HOOK);
  const handle = attrs.u64(NftaFlowtable.HANDLE);
  const devices = hook?.nested(NftaFlowtableHook.DEVS)?.all(NFTA_DEVICE_NAME) ?? [];
  return {
    kind: 'flowtable',
    family,
    table: attrs.text(NftaFlowtable.TABLE) ?? '',
    name: attrs.text(NftaFlowtable.NAME) ?? '',
    flags: attrs.u32(NftaFlowtable.FLAGS) ?? 0,
    ...(hook && {
      hook: {
        number: hook.u32(NftaFlowtableHook.NUM) ?? 0,
        priority: hook.i32(NftaFlowtableHook.PRIORITY) ?? 0,
        devices: devices.map((bytes) => new TextDecoder().decode(bytes).replace(/\0.*$/s, '')),
      },
    }),
    ...(handle !== undefined && { handle }),
  };
}

export function writeObject(object: IrObject, attrs: NlAttrWriter): void {
  attrs.text(NftaObj.TABLE, object.table);
  if (object.name !== '') attrs.text(NftaObj.NAME, object.name);
  attrs.u32(NftaObj.TYPE, objectNumber(object.objectType));
  if (object.handle !== undefined) attrs.u64(NftaObj.HANDLE, object.handle);
  const userdata = commentUserdata(object.comment);
  if (userdata !== undefined) attrs.put(NftaObj.USERDATA, userdata);
  const { data } = object;
  attrs.nest(NftaObj.DATA, (nest) => {
    if (data !== undefined) writeObjectData(data, nest);
  });
}

const NFTA_SECMARK_CTX = 1;

/** Seconds by state, from 1: nft sends all of them, and these where the ruleset says nothing. */
const TIMEOUTS: Readonly<Record<number, readonly number[]>> = {
  6: [120, 60, 432000, 120, 60, 30, 120, 10, 120, 300, 300],
  17: [30, 180],
};

function allTimeouts({ l4proto, policy }: Extract<IrObjectData, { type: 'ct timeout' }>): [number, number][] {
  const given = new Map(policy.map(({ state, value }) => [state, value]));
  const defaults = TIMEOUTS[l4proto] ?? [];
  return defaults.map((value, at) => [at + 1, given.get(at + 1) ?? value]);
}

function writeObjectData(data: IrObjectData, attrs: NlAttrWriter): void {
  switch (data.type) {
    case 'counter':
      attrs.u64(NftaCounter.BYTES, data.bytes).u64(NftaCounter.PACKETS, data.packets);
      return;
    case 'quota':
      attrs.u64(NftaQuota.BYTES, data.bytes);
      attrs.u64(NftaQuota.CONSUMED, data.used).u32(NftaQuota.FLAGS, data.inv ? 1 : 0);
      return;
    case 'limit':
      attrs.u64(NftaLimit.RATE, data.rate).u64(NftaLimit.UNIT, data.unit);
      attrs.u32(NftaLimit.BURST, data.burst).u32(NftaLimit.TYPE, data.bytes ? 1 : 0);
      attrs.u32(NftaLimit.FLAGS, data.inv ? 1 : 0);
      return;
    case 'ct helper':
      attrs.put(NftaCtHelper.NAME, new TextEncoder().encode(data.name));
      if (data.l3proto !== 0) attrs.u16(NftaCtHelper.L3PROTO, data.l3proto);
      attrs.u8(NftaCtHelper.L4PROTO, data.l4proto);
      return;
    case 'ct timeout':
      if (data.l3proto !== 0) attrs.u16(NftaCtTimeout.L3PROTO, data.l3proto);
      attrs.u8(NftaCtTimeout.L4PROTO, data.l4proto);
      attrs.nest(NftaCtTimeout.DATA, (list) => {
        for (const [state, value] of allTimeouts(data)) list.u32(state, value);
      });
      return;
    case 'ct expectation':
      if (data.l3proto !== 0) attrs.u16(NftaCtExpect.L3PROTO, data.l3proto);
      attrs.u8(NftaCtExpect.L4PROTO, data.l4proto);
      attrs.u16(NftaCtExpect.DPORT, data.dport);
      // In host order: the kernel reads it so.
      attrs.put(NftaCtExpect.TIMEOUT, valueBytes(BigInt(data.timeoutMs), 32, 'host'));
      attrs.u8(NftaCtExpect.SIZE, data.size);
      return;
    case 'synproxy':
      attrs
        .u16(NftaSynproxy.MSS, data.mss)
        .u8(NftaSynproxy.WSCALE, data.wscale)
        .u32(NftaSynproxy.FLAGS, data.flags);
      return;
    case 'secmark':
      attrs.text(NFTA_SECMARK_CTX, data.context);
  }
}

const typeOfNumber = new Map<number, ObjectType>(
  (Object.entries(OBJECT_NUMBER) as [ObjectType, number][]).map(([type, number]) => [number, type]),
);

function hostU32(bytes: Uint8Array | undefined): number {
  if (bytes === undefined || bytes.length !== 4) return 0;
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
}

function readObjectData(type: ObjectType, data: NlAttrs): IrObjectData {
  switch (type) {
    case 'counter':
      return { type, packets: data.u64(NftaCounter.PACKETS) ?? 0n, bytes: data.u64(NftaCounter.BYTES) ?? 0n };
    case 'quota':
      return {
        type,
        bytes: data.u64(NftaQuota.BYTES) ?? 0n,
        used: data.u64(NftaQuota.CONSUMED) ?? 0n,
        inv: ((data.u32(NftaQuota.FLAGS) ?? 0) & 1) !== 0,
      };
    case 'limit':
      return {
        type,
        rate: data.u64(NftaLimit.RATE) ?? 0n,
        unit: data.u64(NftaLimit.UNIT) ?? 0n,
        burst: data.u32(NftaLimit.BURST) ?? 0,
        bytes: data.u32(NftaLimit.TYPE) === 1,
        inv: ((data.u32(NftaLimit.FLAGS) ?? 0) & 1) !== 0,
      };
    case 'ct helper':
      return {
        type,
        name: data.text(NftaCtHelper.NAME) ?? '',
        l3proto: data.u16(NftaCtHelper.L3PROTO) ?? 0,
        l4proto: data.u8(NftaCtHelper.L4PROTO) ?? 0,
      };
    case 'ct timeout': {
      const list = data.nested(NftaCtTimeout.DATA);
      const policy = Array.from({ length: 16 }, (_, state) => ({
        state,
        name: '',
        value: list?.u32(state) ?? 0,
      }));
      return {
        type,
        l3proto: data.u16(NftaCtTimeout.L3PROTO) ?? 0,
        l4proto: data.u8(NftaCtTimeout.L4PROTO) ?? 0,
        policy: policy.filter(({ state }) => list?.has(state) === true),
      };
    }
    case 'ct expectation':
      return {
        type,
        l3proto: data.u16(NftaCtExpect.L3PROTO) ?? 0,
        l4proto: data.u8(NftaCtExpect.L4PROTO) ?? 0,
        dport: data.u16(NftaCtExpect.DPORT) ?? 0,
        timeoutMs: hostU32(data.bytes(NftaCtExpect.TIMEOUT)),
        size: data.u8(NftaCtExpect.SIZE) ?? 0,
      };
    case 'synproxy':
      return {
        type,
        mss: data.u16(NftaSynproxy.MSS) ?? 0,
        wscale: data.u8(NftaSynproxy.WSCALE) ?? 0,
        flags: data.u32(NftaSynproxy.FLAGS) ?? 0,
      };
    case 'secmark':
      return { type, context: data.text(NFTA_SECMARK_CTX) ?? '' };
  }
}

export function readObject(family: Family, attrs: NlAttrs): IrObject {
  const type = typeOfNumber.get(attrs.u32(NftaObj.TYPE) ?? 0) ?? 'counter';
  const data = attrs.nested(NftaObj.DATA);
  const handle = attrs.u64(NftaObj.HANDLE);
  const comment = commentOf(attrs.bytes(NftaObj.USERDATA));
  return {
    kind: 'object',
    family,
    table: attrs.text(NftaObj.TABLE) ?? '',
    name: attrs.text(NftaObj.NAME) ?? '',
    objectType: type,
    ...(data && { data: readObjectData(type, data) }),
    ...(handle !== undefined && { handle }),
    ...(comment !== undefined && { comment }),
  };
}
