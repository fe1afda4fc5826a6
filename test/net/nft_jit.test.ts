/**
 * Generated code against the interpreter: random rulesets, the same packets through both, and every counter must have
 * grown alike. FUZZ_SEED repeats a run; a failure names its seed.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { NFT_GOTO, NFT_JUMP, NFT_RETURN, NftMeta } from '../../assembly/abi/nf_tables.js';
import type { JitMode } from '../../src/core/jit/emit_chain.js';
import { NftJit } from '../../src/core/jit/nft_jit.js';
import {
  cmp,
  counter,
  type Expr,
  expr,
  immediate,
  lookup,
  meta,
  metaSet,
  NF,
  NftBatch,
  payload,
  value,
  verdict,
} from '../nft_batch.js';
import { fragments4, ip4, raw, tcp, u8, udp } from '../oracle/packet.js';
import { Random } from '../random.js';
import { twoNetworks } from './lab.js';
import { type Counted, counters } from './nft_counters.js';

const [PREROUTING, FORWARD, POSTROUTING] = [0, 2, 4];
const SEED = Number(process.env.FUZZ_SEED ?? 1);
const ROUNDS = process.env.LONG === 'true' ? 400 : 12;
const PACKETS = 60;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const bytes = (r: Random, n: number) => Array.from({ length: n }, () => r.below(4));
const bitwise = (len: number, mask: number[], xor: number[]): Expr =>
  expr('bitwise', (a) => a.u32(1, 1).u32(2, 1).u32(3, len).nest(4, value(mask)).nest(5, value(xor)));
const range = (op: number, from: number[], to: number[]): Expr =>
  expr('range', (a) => a.u32(1, 1).u32(2, op).nest(3, value(from)).nest(4, value(to)));

/** A load and what is asked of it: constants are small, and so are the fields of the packets. */
function match(r: Random): Expr[] {
  switch (r.below(9)) {
    case 0: {
      const len = r.pick([1, 2, 3, 4, 5, 6, 7, 8, 12, 16]);
      const load = payload(1, r.below(21 - len), len);
      const op = len > 8 ? r.below(2) : r.below(6);
      return [load, cmp(bytes(r, len), op)];
    }
    case 1: {
      const len = r.pick([1, 2, 4, 8]);
      const mask = Array.from({ length: len }, () => r.pick([0, 1, 3, 0xf0, 0xff]));
      const xor = Array.from({ length: len }, () => r.pick([0, 0, 0, 1]));
      return [
        payload(r.pick([1, 2]), r.below(12), len),
        bitwise(len, mask, xor),
        cmp(bytes(r, len), r.below(2)),
      ];
    }
    case 2:
      return [meta(NftMeta.L4PROTO), cmp([r.pick([6, 17, 1, 200])], r.below(2))];
    case 3:
      return [payload(2, 2, 2), cmp([0, r.below(24)], r.pick([0, 0, 0, 1, 2, 5]))];
    case 4:
      return [payload(2, r.below(14), 2), range(r.below(2), [0, r.below(8)], [0, 8 + r.below(8)])];
    case 5: {
      const key = r.pick([NftMeta.MARK, NftMeta.LEN, NftMeta.IIF, NftMeta.OIF, NftMeta.PRIORITY]);
      return [meta(key), cmp([r.below(4), 0, 0, 0].slice(0, r.pick([1, 2, 4, 4])), r.below(6))];
    }
    case 6: {
      const key = r.pick([NftMeta.IIFNAME, NftMeta.OIFNAME]);
      const name = [...r.pick(['lan0', 'wan0', 'eth9'])].map((c) => c.charCodeAt(0));
      // A prefix, as of `iifname "la*"`, or all of it.
      const padded = [...name, ...Array.from({ length: 16 - name.length }, () => 0)];
      return [meta(key), cmp(padded.slice(0, r.pick([2, 3, 4, 5, 7, 9, 16, 16])), r.below(2))];
    }
    case 7:
      return [payload(2, 2, 2), lookup('ports')];
    default:
      return [meta(NftMeta.PROTOCOL), cmp([8, r.pick([0, 6])], r.below(2))];
  }
}

function end(r: Random, chain: number): Expr[] {
  switch (r.below(12)) {
    case 0:
      return [verdict(NF.DROP)];
    case 1:
      return [verdict(NF.ACCEPT)];
    case 2:
      return [verdict(NFT_RETURN)];
    case 3:
      return chain < 3 ? [verdict(NFT_JUMP, `c${chain + 1}`)] : [];
    case 4:
      return chain < 3 ? [verdict(NFT_GOTO, `c${chain + 1}`)] : [];
    case 5:
      return [immediate([r.below(4), 0, 0, 0]), metaSet(NftMeta.MARK), counter()];
    default:
      return [];
  }
}

/** Three chains of random rules; runs of like rules, so that the tree has something to do. */
function ruleset(r: Random): NftBatch {
  const batch = new NftBatch().addTable();
  batch.addChain('c3').addChain('c2').addChain('c1', { num: FORWARD });
  batch.addChain('passed', { num: POSTROUTING }).addSet('ports', 2);
  batch.elements('ports', [{ key: [0, 1] }, { key: [0, 5] }, { key: [0, 9] }]);
  batch.addRule('passed', counter());
  for (const chain of [1, 2, 3]) {
    for (let rules = 4 + r.below(12); rules > 0; rules--) {
      if (r.below(3) === 0) {
        const common = r.below(2) === 0 ? match(r) : [];
        for (let port = r.below(4); port < 20; port += 1 + r.below(3)) {
          const more = r.below(3) === 0 ? match(r) : [];
          batch.addRule(
            `c${chain}`,
            ...common,
            payload(2, 2, 2),
            cmp([0, port]),
            ...more,
            counter(),
            ...end(r, chain),
          );
        }
        continue;
      }
      const matches = Array.from({ length: r.below(4) }, () => match(r)).flat();
      batch.addRule(`c${chain}`, ...matches, counter(), ...end(r, chain), counter());
    }
  }
  return batch;
}

function packets(r: Random): Uint8Array[] {
  return Array.from({ length: PACKETS }, () => {
    // An id of 0 would be filled in by the sender.
    const fields = { src: '10.0.1.2', dst: '10.0.2.2', id: 1 + r.below(3), tos: r.below(4) };
    switch (r.below(8)) {
      case 0:
        return [ip4(fields, raw(r.pick([1, 6, 17, 200]), u8(...bytes(r, r.below(12)))))];
      case 1:
        return fragments4(fields, udp({ sport: r.below(4), dport: r.below(24) }, new Uint8Array(48)), 16);
      case 2:
      case 3:
        return [ip4(fields, tcp({ sport: r.below(4), dport: r.below(24), seq: r.below(4) }))];
      default:
        return [ip4(fields, udp({ sport: r.below(4), dport: r.below(24) }, new Uint8Array(r.below(20))))];
    }
  }).flat();
}

describe.each<JitMode>(['linear', 'tree'])('%s code', (mode) => {
  test.each(Array.from({ length: ROUNDS }, (_, i) => SEED * 1000 + i))(
    'counts as the interpreter does, seed %i',
    async (seed) => {
      const r = new Random(seed);
      const lab = await twoNetworks();
      closing.push(() => lab.stack.close());
      const refused = (await lab.r.nfnl.batch(ruleset(r).bytes())).filter(({ error }) => error !== 0);
      expect(refused).toEqual([]);
      // Says nothing back: answers are rated, and would not be the same each time.
      const silent = new NftBatch().addTable().addChain('in', { num: PREROUTING, policy: NF.DROP });
      await lab.b.nfnl.batch(silent.bytes());
      const sent = packets(r);
      const send = async () => {
        for (const packet of sent) await lab.a.send(2, packet);
        lab.stack.run(100);
      };
      // The neighbours are found first.
      await send();
      const before = await counters(lab.r);
      await send();
      const interpreted = await counters(lab.r);
      const jit = new NftJit(lab.stack.core, mode, (error) => {
        throw error;
      });
      const { compiled } = await jit.sync(lab.r.handle);
      expect(compiled.map(({ name }) => name).sort()).toEqual(['c1', 'c2', 'c3', 'passed']);
      await send();
      const generated = await counters(lab.r);
      jit.close();
      const grown = (after: Counted[], from: Counted[]) =>
        after.map(({ packets, bytes }, i) => [packets - from[i]!.packets, bytes - from[i]!.bytes]);
      expect(grown(interpreted, before).some(([n]) => n! > 0)).toBe(true);
      expect(grown(generated, interpreted)).toEqual(grown(interpreted, before));
    },
  );
});
