/** `ww dump`'s printer against tcpdump -n: the same lines for the same frames, by itself and with -e, -v, -X. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fileSink } from '../../src/drivers/capture_file.js';
import { PcapWriter } from '../../src/drivers/pcap.js';
import { FramePrinter, type PrintOptions } from '../../src/tools/dump/printer.js';
import { printedFrames } from '../pcap_filter/printed_frames.js';

const FRAMES = printedFrames();
let folder = '';
let file = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ww-dump-'));
  file = join(folder, 'all.pcap');
  const writer = new PcapWriter(fileSink(file));
  for (const [i, frame] of FRAMES.entries()) writer.write(1_700_000_000 + i, 1000 * i, frame);
  writer.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each<[string, string[], PrintOptions]>([
  ['plain', ['-t'], { time: 1 }],
  ['with the link-layer header', ['-t', '-e'], { time: 1, link: true }],
  ['verbose', ['-t', '-v'], { time: 1, verbose: 1 }],
  ['more verbose', ['-t', '-vv'], { time: 1, verbose: 2 }],
  ['with bytes', ['-t', '-x'], { time: 1, hex: { link: false, ascii: false } }],
  ['with all bytes and characters', ['-t', '-XX'], { time: 1, hex: { link: true, ascii: true } }],
  ['with seconds', ['-tt'], { time: 2 }],
  ['with time between', ['-ttt'], { time: 3 }],
  ['with the date', ['-tttt'], { time: 4 }],
  [
    'numbered, sequence numbers as they are',
    ['-t', '-#', '-S'],
    { time: 1, number: true, absoluteSeq: true },
  ],
])('%s', (_, args, options) => {
  const { stdout } = spawnSync('tcpdump', ['-n', ...args, '-r', file], { encoding: 'utf8' });
  const printer = new FramePrinter(options);
  const ours = FRAMES.map((data, i) =>
    printer.print({
      data,
      originalLength: data.length,
      seconds: 1_700_000_000 + i,
      nanoseconds: 1000 * i,
      number: i + 1,
    }),
  );
  expect(`${ours.join('\n')}\n`.split('\n')).toEqual(stdout.split('\n'));
});
