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

describe('wire/vlan', () => {
  // tag, priority, drop eligible, VID, encapsulated type
  test.each([
    ['a064 0800', 5, 0, 100, 0x0800],
    ['1ffe 86dd', 0, 1, 4094, 0x86dd],
    ['e000 8100', 7, 0, 0, 0x8100],
  ])('reads and writes the golden tag %s', (text, prio, dei, vid, proto) => {
    const f = functions(m, 'vlanTci', 'vlanPrio', 'vlanDei', 'vlanVid', 'vlanEncapsulatedProto', 'emitVlan');
    const p = putAtEnd(m, hex(text));
    expect([f.vlanPrio(p), f.vlanDei(p), f.vlanVid(p), f.vlanEncapsulatedProto(p)]).toEqual([
      prio,
      dei,
      vid,
      proto,
    ]);
    expectEmitted(m, hex(text), (at) => f.emitVlan(at, f.vlanTci(p), proto));
  });

  test('refuses every truncation', () => {
    expectTruncationsRefused(m, hex('a064 0800'), functions(m, 'checkVlan').checkVlan);
  });
});
