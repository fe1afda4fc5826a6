import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { loadAs } from '../../test/as.js';

const BLOCK = 9 << 20;
const OUT = (9 << 20) + 256;

test('the compression function gives the digest of a message of one padded block', async () => {
  const { exports, memory } = await loadAs(['lib/sha1', 'lib/testing']);
  exports.testInit!(8 << 20);
  for (const text of ['', 'abc', 'a'.repeat(55)]) {
    const block = new Uint8Array(64);
    block.set(new TextEncoder().encode(text));
    block[text.length] = 0x80;
    new DataView(block.buffer).setUint32(60, text.length * 8);
    new Uint8Array(memory.buffer, BLOCK, 64).set(block);
    exports.sha1Block!(OUT, BLOCK);
    const words = new DataView(memory.buffer, OUT, 20);
    const digest = [0, 4, 8, 12, 16].map((at) => words.getUint32(at, true).toString(16).padStart(8, '0'));
    expect(digest.join('')).toBe(createHash('sha1').update(text).digest('hex'));
  }
});
