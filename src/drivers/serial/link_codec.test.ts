import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cobsEncode,
  encodeLinkFrame,
  LinkDecoder,
  type LinkFrameHeader,
  wireBytesMax,
} from './link_codec.js';

const header: LinkFrameHeader = { type: 8, seq: 513, session: 0xdeadbeef, pos: 0x80000001, limit: 4096 };

function decode(...chunks: readonly Uint8Array[]): {
  frames: [LinkFrameHeader, string, number][];
  bad: number;
} {
  const seen = { frames: [] as [LinkFrameHeader, string, number][], bad: 0 };
  const decoder = new LinkDecoder({
    frame: (head, payload, wire) => seen.frames.push([head, payload.toString('hex'), wire]),
    bad: () => {
      seen.bad++;
    },
  });
  for (const chunk of chunks) decoder.push(chunk);
  return seen;
}

describe('frames of the link', () => {
  it('are on the line as firmware/link/README.md shows', () => {
    const bytes = encodeLinkFrame({ type: 6, seq: 2, session: 0x01020304, pos: 0, limit: 256 });
    expect(Buffer.from(bytes).toString('hex')).toMatchInlineSnapshot(
      `"0002060202050403020101010101020101052b15ecd600"`,
    );
  });

  it.each([
    ['nothing', '', '000100'],
    ['a zero', '00', '00010100'],
    ['the example of cobs.h', '11220033', '000311220233' + '00'],
    ['254 bytes', '01'.repeat(254), `00ff${'01'.repeat(254)}00`],
    ['254 bytes and a zero', `${'01'.repeat(254)}00`, `00ff${'01'.repeat(254)}010100`],
    ['255 bytes', '01'.repeat(255), `00ff${'01'.repeat(254)}020100`],
  ])('stuff %s', (_what, plain, wire) => {
    expect(Buffer.from(cobsEncode(Buffer.from(plain, 'hex'))).toString('hex')).toBe(wire);
  });

  it('come back as they were, in whatever pieces', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 1600 }),
        fc.uint8Array({ maxLength: 30 }),
        fc.integer({ min: 1, max: 700 }),
        (a, b, piece) => {
          const bytes = encodeLinkFrame(header, a, b);
          expect(bytes.length).toBeLessThanOrEqual(wireBytesMax(a.length + b.length));
          const chunks = [];
          for (let at = 0; at < bytes.length; at += piece) chunks.push(bytes.subarray(at, at + piece));
          const { frames, bad } = decode(...chunks);
          expect(bad).toBe(0);
          expect(frames).toEqual([[header, Buffer.concat([a, b]).toString('hex'), bytes.length]]);
        },
      ),
    );
  });

  it('are refused when any one bit is another', () => {
    const bytes = encodeLinkFrame(header, Buffer.from('00112233445566778899aabbccddeeff', 'hex'));
    for (let bit = 8; bit < (bytes.length - 1) * 8; bit++) {
      const wrong = Buffer.from(bytes);
      wrong[bit >> 3]! ^= 1 << (bit & 7);
      expect(decode(wrong).frames, `bit ${bit}`).toEqual([]);
    }
  });

  it('are found again behind anything at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (noise) => {
        expect(decode(noise, encodeLinkFrame(header)).frames.at(-1)?.[0]).toEqual(header);
      }),
    );
  });
});

describe('link_abi.h', () => {
  it('is what assembly/abi/link.ts gives', () => {
    execFileSync(process.execPath, ['firmware/link/generate.mjs', '--check']);
  });
});
