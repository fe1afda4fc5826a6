/**
 * Seeded fuzzing of what the host reads itself: options of routers, capture files, frames that are printed; and of the
 * search for a generator's signature. Changed good inputs, cut ones, and noise: each is read or refused with a
 * NetError, nothing is thrown otherwise, nothing is printed on more lines or with control characters.
 *
 * FUZZ_COUNT: inputs each (default 5,000; 200,000 with LONG=true). FUZZ_SEED=n FUZZ_COUNT=1 runs one alone.
 */
import { describe, expect, test } from 'vitest';
import { openCapture } from '../../src/drivers/capture_file.js';
import { MemorySink, memorySource } from '../../src/drivers/capture_memory.js';
import { frameText } from '../../src/drivers/frame_text.js';
import { PcapWriter } from '../../src/drivers/pcap.js';
import { PcapngWriter } from '../../src/drivers/pcapng.js';
import { NetError } from '../../src/net_error.js';
import { parseRouterOption } from '../../src/net/router_option.js';
import { FramePrinter, type PrintOptions } from '../../src/tools/dump/printer.js';
import { loadAs } from '../as.js';
import { printedFrames } from '../pcap_filter/printed_frames.js';
import { Random } from '../random.js';
import { hex, OUT } from '../wire_input.js';
import { burst, PORTS } from './core_frames.js';

const COUNT = Number(process.env.FUZZ_COUNT ?? (process.env.LONG === 'true' ? 200_000 : 5_000));
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 30);
const NANO = 1e9;

/** A good input with some bytes changed, cut or lengthened; or noise. */
function spoil(random: Random, good: Uint8Array): Uint8Array {
  if (random.once(4)) return random.fill(new Uint8Array(random.below(good.length + 16)));
  const bytes = new Uint8Array(random.once(2) ? good.length : random.below(good.length + 12));
  bytes.set(good.subarray(0, bytes.length));
  if (bytes.length > 0)
    for (let n = random.below(6); n > 0; n--) bytes[random.below(bytes.length)] = random.u32();
  return bytes;
}

/** Some of those that the fuzz of the core sends; in half of the inputs spoiled once more. */
const POOL = 100;
const frames = PORTS.flatMap((_, port) => burst(SEED, new Random(SEED + port), port, POOL)).map(({ bytes }) =>
  bytes.slice(),
);
const printed = printedFrames();
function anyFrame(random: Random): Uint8Array {
  const frame = random.pick(random.once(2) ? frames : printed);
  return random.once(2) ? frame : spoil(random, frame);
}

function each(name: string, run: (random: Random) => void): void {
  for (let seed = SEED; seed < SEED + COUNT; seed++) {
    try {
      run(new Random(seed));
    } catch (cause) {
      throw new Error(`${name}: FUZZ_SEED=${seed} FUZZ_COUNT=1`, { cause });
    }
  }
}

function captures(): Uint8Array[] {
  const frames = printedFrames().slice(0, 6);
  return [MemorySink, MemorySink].map((Sink, i) => {
    const sink = new Sink();
    if (i === 0) {
      const writer = new PcapWriter(sink);
      for (const [n, frame] of frames.entries()) writer.write(1_700_000_000 + n, n, frame);
      writer.close();
    } else {
      const writer = new PcapngWriter(sink);
      const port = writer.addInterface('wan0');
      for (const [n, frame] of frames.entries())
        writer.write(port, 1_700_000_000 + n, n, frame, { direction: 'rx', comment: 'NO_SOCKET' });
      writer.close();
    }
    return sink.bytes();
  });
}

describe(`what the host reads, ${COUNT} inputs each from FUZZ_SEED=${SEED}`, () => {
  test('options of a router', () => {
    const good = [
      '1905 0000 00000258 20010db8000100000000000000000053 20010db8000100000000000000000054',
      '1f03 0000 ffffffff 036c6162 076578616d706c65 00 00000000',
      '2602 0258 0064ff9b 0000000000000000',
      '2502 687474703a2f2f612f0000000000',
    ].map((text) => hex(text));
    each('parseRouterOption', (random) => {
      const option = parseRouterOption(spoil(random, random.pick(good)));
      if (option === null) return;
      if (option.kind === 'rdnss') expect(option.servers.length).toBeGreaterThan(0);
      // They end up in files and command lines.
      if (option.kind === 'dnssl')
        for (const name of option.domains) expect(name).toMatch(/^[\w-]+(\.[\w-]+)*$/);
      if (option.kind === 'captive-portal') expect(option.uri).toMatch(/^[!-~]+$/);
    });
  });

  test('capture files of both formats', () => {
    const good = captures();
    each('openCapture', (random) => {
      const bytes = spoil(random, random.pick(good));
      let frames = 0;
      try {
        const reader = openCapture(memorySource(bytes, 'x', 1 + random.below(99)));
        for (let record = reader.next(); record !== undefined; record = reader.next()) {
          frames++;
          if (record.nanoseconds >= NANO) throw new Error(`${record.nanoseconds} ns of a second`);
        }
      } catch (error) {
        if (!(error instanceof NetError)) throw error;
      }
      // Each frame takes bytes of the file: a loop would not end.
      expect(frames).toBeLessThanOrEqual(bytes.length / 16);
    });
  });

  test('frames that are printed', () => {
    const options: PrintOptions[] = [
      {},
      { link: true, verbose: 1 },
      { verbose: 2, absoluteSeq: true, time: 2 },
      { link: true, verbose: 2, hex: { link: true, ascii: true } },
    ];
    each('print', (random) => {
      const frame = anyFrame(random);
      const captured = random.once(4) ? frame.subarray(0, random.below(frame.length + 1)) : frame;
      const chosen = random.pick(options);
      const text = new FramePrinter(chosen).print({
        data: captured,
        originalLength: frame.length,
        seconds: 1_700_000_000,
        nanoseconds: random.below(NANO),
      });
      // What comes from the wire must not reach the terminal as it is.
      expect(text).toMatch(/^[\t\n -~\u00b7]*$/u);
      expect(frameText(captured)).toMatch(/^[ -~]+$/);
    });
  });

  test('a signature of the generator', async () => {
    const m = await loadAs(['pktgen/signature'], { simd: false, pages: 2 });
    const find = m.exports.signatureFind as (found: number, type: number, p: number, end: number) => number;
    const memory = new Uint8Array(m.memory.buffer);
    const view = new DataView(m.memory.buffer);
    each('signatureFind', (random) => {
      const frame = anyFrame(random);
      if (frame.length < 14) return;
      const begin = memory.length - frame.length;
      memory.set(frame, begin);
      if (find(OUT, (frame[12]! << 8) | frame[13]!, begin + 14, memory.length) === 0) return;
      const [at, end] = [view.getUint32(OUT, true), view.getUint32(OUT + 4, true)];
      expect(at).toBeGreaterThanOrEqual(begin + 14);
      expect(end).toBeGreaterThan(at);
      expect(end).toBeLessThanOrEqual(memory.length);
    });
  });
});
