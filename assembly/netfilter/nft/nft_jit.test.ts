import { expect, test } from 'vitest';
import { loadAs } from '../../../test/as.js';
import {
  NFT_SKB_F_PATH,
  NftBaseChain,
  NftFrame,
  NftFrameConn,
  NftFrameDev,
  NftFrameSkb,
  NftHookState,
} from '../../abi/nft_frame.js';
import { NftElemRec, NftSetRec } from '../../abi/nft_set.js';

const offsetsOf = (...enums: object[]): [string, number][] =>
  enums.flatMap(
    (of) => Object.entries(of).filter(([name]) => Number.isNaN(Number(name))) as [string, number][],
  );

test('generated code reads the fields of frames, packets, devices and sets where the core has them', async () => {
  const { exports, memory } = await loadAs(['netfilter/nft/testing'], { simd: true });
  const at = 0x10000;
  const told = (n: unknown) => [...new Uint32Array(memory.buffer, at, n as number)];
  const names = (fields: [string, number][], offsets: number[]) =>
    fields.map(([name], i) => [name, offsets[i]] as [string, number]);
  const frame = offsetsOf(NftFrame, NftFrameSkb, NftFrameDev, NftFrameConn, NftHookState, NftBaseChain);
  expect(names(frame, told(exports.frameOffsets!(at)))).toEqual(frame);
  expect(exports.pathFlag!()).toBe(NFT_SKB_F_PATH);
  const set = offsetsOf(NftSetRec, NftElemRec);
  expect(names(set, told(exports.setOffsets!(at)))).toEqual(set);
});
