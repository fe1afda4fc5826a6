import { beforeAll, describe, expect, test } from 'vitest';
import type { AsModule } from '../../test/as.js';
import {
  expectEmitted,
  expectTruncationsRefused,
  functions,
  hex,
  loadWire,
  putAtEnd,
} from '../../test/wire_input.js';

let m: AsModule;
beforeAll(async () => {
  m = await loadWire();
});

/** IS_EX {} of 239.255.255.250, TO_IN {} of 224.1.2.3 with a source of 10.0.0.1. */
const REPORT = '2200 fafb 0000 0002 04000000 effffffa 03000001 e0010203 0a000001';

describe('wire/igmp', () => {
  test('reads and writes a golden general query', () => {
    const bytes = hex('1164 ee9b 00000000');
    const f = functions(m, 'checkIgmp', 'igmpType', 'igmpCode', 'igmpGroup', 'emitIgmpQuery');
    const p = putAtEnd(m, bytes);
    expect([f.checkIgmp(p, 8), f.igmpType(p), f.igmpCode(p), f.igmpGroup(p)]).toEqual([0, 0x11, 100, 0]);
    expectEmitted(m, bytes, (at) => f.emitIgmpQuery(at, 8, 100, 0));
  });

  test('reads the records of a version 3 report', () => {
    const bytes = hex(REPORT);
    const f = functions(m, 'checkIgmp', 'reportRecords', 'recordType', 'recordSources', 'recordLen');
    const p = putAtEnd(m, bytes);
    expect(f.checkIgmp(p, bytes.length)).toBe(0);
    expect(f.reportRecords(p)).toBe(2);
    const records = [p + 8, p + 16].map((at) => [
      f.recordType(at),
      f.recordSources(at),
      f.recordLen(at, 8, 4),
    ]);
    expect(records).toEqual([
      [4, 0, 8],
      [3, 1, 12],
    ]);
  });

  test('refuses every truncation, and a wrong checksum', () => {
    const { checkIgmp } = functions(m, 'checkIgmp');
    expectTruncationsRefused(m, hex(REPORT), checkIgmp);
    expectTruncationsRefused(m, hex('1164 ee9b 00000000'), checkIgmp);
    expect(checkIgmp(putAtEnd(m, hex('1165 ee9b 00000000')), 8)).toBe(-7);
  });

  test('reads the codes of long delays', () => {
    const f = functions(m, 'igmpDelay', 'mldDelay');
    expect([100, 127, 128, 255].map((code) => f.igmpDelay(code))).toEqual([100, 127, 128, 31744]);
    expect([10_000, 0x8000, 0xffff].map((code) => f.mldDelay(code))).toEqual([10_000, 32_768, 8_387_584]);
  });
});

describe('wire/mld', () => {
  const report = `8f00 0000 0000 0001 04000001 ${'ff02000000000000 00000001ff000001'} ${'20'.repeat(16)}`;
  const query = `8200 0000 2710 0000 ${'00'.repeat(16)}`;

  test('takes a query and a report, and refuses every truncation', () => {
    const f = functions(m, 'checkMld', 'mldMaxResponse', 'mldGroup');
    const p = putAtEnd(m, hex(query));
    expect([f.checkMld(p, 24), f.mldMaxResponse(p), f.mldGroup(p) - p]).toEqual([0, 10_000, 8]);
    expectTruncationsRefused(m, hex(query), f.checkMld);
    expectTruncationsRefused(m, hex(report), f.checkMld);
  });
});
