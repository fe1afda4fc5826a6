/**
 * The filter language against libpcap itself: tcpdump compiles every expression, and both programs choose the same frames
 * of a collection that has all protocols in it, whole and cut short. What tcpdump refuses is refused here, too.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fileSink, fileSource, openCapture } from '../../src/drivers/capture_file.js';
import { PcapWriter } from '../../src/drivers/pcap.js';
import { type BpfProgram, runBpf } from '../../src/pcap_filter/bpf.js';
import { PcapFilter } from '../../src/pcap_filter/pcap_filter.js';
import { CHOSEN, REFUSED } from '../pcap_filter/expressions.js';
import { filterFrames } from '../pcap_filter/frames.js';

const FRAMES = filterFrames();
const WHOLE = filterFrames({ broken: false });

/** What `tcpdump -ddd` prints; null when it refuses. */
function libpcap(expression: string, options: readonly string[] = []): BpfProgram | null {
  const args = ['-y', 'EN10MB', ...options, '-ddd', '--', expression];
  const { status, stdout, stderr } = spawnSync('tcpdump', args, {
    encoding: 'utf8',
  });
  // That nothing can match is an error to tcpdump; here it is an answer.
  if (stderr.includes('rejects all packets')) return [{ code: 6, jt: 0, jf: 0, k: 0 }];
  if (status !== 0) return null;
  const [, ...lines] = stdout.trim().split('\n');
  return lines.map((line) => {
    const [code, jt, jf, k] = line.split(' ').map(Number);
    // Only a jump goes back, in loops of protochain.
    return { code: code!, jt: jt!, jf: jf!, k: code === 5 ? k! | 0 : k! };
  });
}

const chooses = (program: BpfProgram, bytes: Uint8Array) =>
  runBpf(program, { bytes, at: 0, length: bytes.length, originalLength: bytes.length }) !== 0;

describe('compiled by libpcap and by us', () => {
  // A load beyond a frame's end ends the program, and libpcap's optimizer changes the order of loads: what is chosen of
  // frames that are cut short is compared with its plain program.
  test.each([
    ['as it is, of whole and broken frames', ['-O'], FRAMES],
    ['optimized, of whole frames', [], WHOLE],
  ] as const)('every expression chooses the same frames: %s', (_, options, frames) => {
    const wrong: string[] = [];
    let some = 0;
    for (const expression of CHOSEN) {
      const theirs = libpcap(expression, options);
      if (theirs === null) {
        wrong.push(`${expression}: libpcap refuses it`);
        continue;
      }
      const { program } = new PcapFilter(expression);
      const want = frames.map((frame) => chooses(theirs, frame));
      const at = frames.findIndex((frame, i) => chooses(program, frame) !== want[i]);
      if (want.includes(true)) some++;
      if (at < 0) continue;
      const hex = Buffer.from(frames[at]!).toString('hex');
      wrong.push(`${expression}: frame ${hex} ${want[at] ? 'is' : 'is not'} to be chosen`);
    }
    expect(wrong).toEqual([]);
    expect(CHOSEN.length).toBeGreaterThan(300);
    // Of most expressions the collection has something, or it would prove little.
    expect(some / CHOSEN.length).toBeGreaterThan(0.8);
  });

  test('what libpcap refuses is refused here', () => {
    for (const expression of REFUSED) {
      expect(libpcap(expression), expression).toBeNull();
      expect(() => new PcapFilter(expression), expression).toThrow();
    }
  });
});

describe('tcpdump itself', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ww-filter-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('takes the same frames out of a file', () => {
    const [all, out] = [join(folder, 'all.pcap'), join(folder, 'out.pcap')];
    const writer = new PcapWriter(fileSink(all));
    for (const [i, frame] of WHOLE.entries()) writer.write(i, 0, frame);
    writer.close();
    for (const expression of CHOSEN.filter((_, i) => i % 8 === 0)) {
      const done = spawnSync('tcpdump', ['-r', all, '-w', out, expression], { encoding: 'utf8' });
      if (done.stderr.includes('rejects all packets')) continue;
      expect(done.status, `${expression}: ${done.stderr}`).toBe(0);
      const reader = openCapture(fileSource(out));
      const chosen: number[] = [];
      for (let r = reader.next(); r; r = reader.next()) chosen.push(r.seconds);
      const { program } = new PcapFilter(expression);
      expect(chosen, expression).toEqual([...WHOLE.keys()].filter((i) => chooses(program, WHOLE[i]!)));
    }
  });

  test('is there', () => {
    expect(
      execFileSync('tcpdump', ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
    ).toContain('libpcap');
  });
});
