import { expect, test } from 'vitest';
import { loadAs } from '../../../test/as.js';
import { NftFrame, NftFrameDev, NftFrameSkb } from '../../abi/nft_frame.js';

test('generated code reads the fields of frames, packets and devices where the core has them', async () => {
  const { exports, memory } = await loadAs(['netfilter/nft/testing'], { simd: true });
  const at = 0x10000;
  const n = exports.frameOffsets!(at) as number;
  const fields = [NftFrame, NftFrameSkb, NftFrameDev].flatMap((of) =>
    Object.entries(of).filter(([name]) => Number.isNaN(Number(name))),
  );
  const offsets = [...new Uint32Array(memory.buffer, at, n)];
  expect(offsets).toEqual(fields.map(([, offset]) => offset));
});
