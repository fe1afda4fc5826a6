import { describe, expect, test } from 'vitest';
import { NLM_F_CAPPED, NLM_F_ACK_TLVS, NLMSG_ERROR } from '../../assembly/abi/nfnl.js';
import { NlAttrs, NlAttrWriter, readAttrs } from './nlattr.js';
import { batchBegin, batchEnd, joinMessages, nfMessage, readAck, readMessages, readNfMsg } from './nlmsg.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('attributes', () => {
  test('are written as Linux reads them: length and type little-endian, values in network order, padded', () => {
    const w = new NlAttrWriter();
    w.u32(3, 1).u8(2, 7).text(1, 'abcd').u64(4, 5n).u16(5, 0x1234);
    expect(hex(w.bytes)).toBe(
      `0800030000000001${'05000200'}07000000${'09000100'}6162636400000000${'0c000400'}0000000000000005${'06000500'}12340000`,
    );
  });

  test('nest, and are read back by type', () => {
    const w = new NlAttrWriter();
    w.nest(4, (list) => {
      for (const name of ['a', 'bc']) list.nest(1, (elem) => elem.text(1, name).u32(2, 0xfffffffe));
    });
    const elems = new NlAttrs(w.bytes)
      .nested(4)!
      .all(1)
      .map((bytes) => new NlAttrs(bytes));
    expect(elems.map((elem) => elem.text(1))).toEqual(['a', 'bc']);
    expect(elems[1]!.u32(2)).toBe(0xfffffffe);
    expect(elems[1]!.i32(2)).toBe(-2);
    expect(elems[1]!.u32(9)).toBeUndefined();
    expect(readAttrs(w.bytes)[0]).toMatchObject({ type: 4, nested: true });
  });

  test('of which the last of a type counts', () => {
    const w = new NlAttrWriter().u32(1, 1).u32(1, 2);
    expect(new NlAttrs(w.bytes).u32(1)).toBe(2);
  });

  test('grow beyond the first buffer', () => {
    const w = new NlAttrWriter();
    for (let i = 0; i < 1000; i++) w.u32(1, i);
    expect(new NlAttrs(w.bytes).all(1)).toHaveLength(1000);
  });

  test('of every truncation are read or refused as EBADMSG', () => {
    const bytes = new NlAttrWriter().u32(1, 1).nest(2, (n) => n.text(1, 'x')).bytes;
    for (let len = 0; len < bytes.length; len++) {
      const read = () => readAttrs(bytes.subarray(0, len));
      if (len === 0 || len === 8) expect(read()).toHaveLength(len / 8);
      else expect(read).toThrowError(expect.objectContaining({ code: 'EBADMSG' }));
    }
  });

  test('of the wrong size are refused', () => {
    const attrs = new NlAttrs(new NlAttrWriter().u8(1, 1).bytes);
    expect(() => attrs.u32(1)).toThrowError(expect.objectContaining({ code: 'EBADMSG' }));
  });
});

describe('messages', () => {
  test('are those that nft sends', () => {
    expect(hex(batchBegin(0))).toBe('14000000100001000000000000000000' + '0000000a');
    expect(hex(batchEnd(5))).toBe('14000000110001000500000000000000' + '0000000a');
    const table = nfMessage({ type: 0xa00, family: 2, flags: 0x400, seq: 7 }, (a) =>
      a.text(1, 't').u32(2, 0),
    );
    expect(hex(table)).toBe(
      '2400000000' +
        '0a0104' +
        '0700000000000000' +
        '02000000' +
        '060001007400' +
        '0000' +
        '0800020000000000',
    );
  });

  test('one behind the other are read back', () => {
    const bytes = joinMessages([batchBegin(0, 9), batchEnd(1)]);
    const [begin, end] = readMessages(bytes);
    expect(readNfMsg(begin!)).toMatchObject({ subsystem: 0, message: 16, resId: 10 });
    expect(readNfMsg(begin!).attrs.u32(1)).toBe(9);
    expect(end!.seq).toBe(1);
  });

  test('of every truncation are read or refused as EBADMSG', () => {
    const bytes = joinMessages([batchBegin(0), batchEnd(1)]);
    for (let len = 1; len < bytes.length; len++) {
      const read = () => readMessages(bytes.subarray(0, len));
      if (len === 20) expect(read()).toHaveLength(1);
      else expect(read).toThrowError(expect.objectContaining({ code: 'EBADMSG' }));
    }
  });

  test('an NLMSG_ERROR gives errno, sequence number and the attribute that is wrong', () => {
    const bytes = new Uint8Array(16 + 4 + 16 + 8);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, bytes.length, true);
    view.setUint16(4, NLMSG_ERROR, true);
    view.setUint16(6, NLM_F_CAPPED | NLM_F_ACK_TLVS, true);
    view.setUint32(8, 77, true);
    view.setInt32(16, -17, true);
    bytes.set([8, 0, 2, 0, 20, 0, 0, 0], 36);
    expect(readAck(readMessages(bytes)[0]!)).toEqual({ seq: 77, error: -17, offset: 20 });
    expect(readAck(readMessages(batchEnd(1))[0]!)).toBeUndefined();
  });
});
