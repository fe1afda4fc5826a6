/** `ww dump PORT|FILE [filter]`: frames in tcpdump's words, chosen by pcap's filter language. */
import { existsSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { CaptureRecord } from '../drivers/capture.js';
import { fileSink, fileSource, openCapture } from '../drivers/capture_file.js';
import { PcapngWriter } from '../drivers/pcapng.js';
import { NetError } from '../net_error.js';
import { FilterError } from '../pcap_filter/filter_error.js';
import { namesIn, PcapFilter } from '../pcap_filter/pcap_filter.js';
import { FramePrinter, type PrintOptions } from '../tools/dump/printer.js';
import { EXIT_DONE, EXIT_WRONG_USE } from './command_line.js';
import { type LiveFrames, openLivePort } from './dump_port.js';

interface DumpOptions {
  readonly e?: boolean;
  readonly c?: number;
  readonly w?: string;
  readonly S?: boolean;
  readonly number?: boolean;
  readonly pid?: number;
  /** --drops-only, --no-drops */
  readonly dropsOnly?: boolean;
  readonly drops: boolean;
}

const HELP = `
Options are tcpdump's: -v -vv tell more; -x and -X show the bytes (-xx, -XX with the link-layer header); -t no time,
-tt seconds since 1970, -ttt since the frame before, -tttt with the date. Addresses and ports are numbers (-n). The
filter is that of pcap-filter(7). -w writes pcapng, with interface, direction and the comments (the reason of a drop).

Of a PORT also the frames are shown that the router drops there (or in a bridge or VLAN device, which have no frames of
their own to show), with the reason behind them: "# dropped: IP_TTL". A received frame that is dropped is there twice.

A PORT is asked of the router by its control socket, which only its user can open. Frames that come faster than they are
read are left out and counted; the router does not wait.

Examples:
  ww dump lan0 -e not port 22
  ww dump wan0 --drops-only
  ww dump drops.pcapng -e
  ww dump lan0.pcapng -c 10 'tcp[tcpflags] & tcp-syn != 0 and not port 22'
  tcpdump -w - | ww dump - -w web.pcapng port 80`;

const LINKTYPE_ETHERNET = 1;
const SLICE_FRAMES = 4096;

export function makeDumpCommand(report: (exitCode: number) => void): Command {
  const counts = { v: 0, x: 0, X: 0, t: 0 };
  const command = new Command('dump')
    .argument(
      '<port|file>',
      "a port of a running `ww up`, or a capture, pcap or pcapng; '-' is standard input",
    )
    .argument('[filter...]', 'an expression of pcap-filter(7)')
    .option('-e', 'print the link-layer header')
    .option('-n', 'numbers instead of names; they are always')
    .option('-v', 'tell more; -vv still more')
    .option('-x', 'print the bytes, too; -xx with the link-layer header')
    .option('-X', 'print bytes and characters; -XX with the link-layer header')
    .option('-t', 'no time; -tt, -ttt, -tttt another')
    .option('-S', 'sequence numbers as they are')
    .option('-#, --number', 'number the frames')
    .addOption(new Option('-c <count>', 'end after so many frames').argParser(parseCount))
    .option('-w <file>', 'write the frames to a pcapng file instead')
    .option('--no-drops', 'of a port: not the frames that the router drops')
    .addOption(new Option('--drops-only', 'of a port: only those').conflicts('drops'))
    .addOption(new Option('--pid <pid>', 'of the router, when several run').argParser(parseCount))
    .addHelpText('after', HELP)
    .action(async (file: string, words: readonly string[], options: DumpOptions) => {
      report(await dump(file, words.join(' '), options, printOptions(options, counts)));
    });
  for (const flag of ['v', 'x', 'X', 't'] as const) {
    command.on(`option:${flag}`, () => {
      counts[flag]++;
    });
  }
  return command;
}

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('Give a number of frames, from 1 on.');
  return Number(text);
}

function printOptions(
  { e, S, number }: DumpOptions,
  { v, x, X, t }: { v: number; x: number; X: number; t: number },
): PrintOptions {
  return {
    link: e === true,
    verbose: v,
    absoluteSeq: S === true,
    number: number === true,
    time: Math.min(t, 4) as 0 | 1 | 2 | 3 | 4,
    ...(X > 0 ? { hex: { link: X > 1, ascii: true } } : x > 0 ? { hex: { link: x > 1, ascii: false } } : {}),
  };
}

async function dump(file: string, text: string, options: DumpOptions, print: PrintOptions): Promise<number> {
  let filter: PcapFilter;
  try {
    filter = await compile(text);
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    process.stderr.write(`ww dump: ${error.message}\n`);
    return EXIT_WRONG_USE;
  }
  const source = file === '-' || existsSync(file) ? fileSource(file) : null;
  if (source === null && /[/.]/.test(file)) throw new NetError('ENOENT', `${file}: there is no such file`);
  const live =
    source === null
      ? await openLivePort(file, text, {
          pid: options.pid,
          show: options.dropsOnly === true ? 'drops' : options.drops ? 'all' : 'frames',
        })
      : null;
  const sink = options.w === undefined ? new LineSink(new FramePrinter(print)) : new FileFrames(options.w);
  try {
    if (live !== null) await follow(live, sink, options.c ?? Infinity);
    else await pump(openCapture(source!), filter, sink, options.c ?? Infinity);
  } finally {
    sink.close();
    live?.stop();
    source?.close();
  }
  return EXIT_DONE;
}

/** Until so many frames, Ctrl-C, or the router's end. The router has chosen already. */
async function follow(live: LiveFrames, sink: FrameSink, most: number): Promise<void> {
  let seen = 0;
  let missed = 0;
  const stop = () => live.stop();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  try {
    await live.run((record, lost) => {
      missed += lost;
      sink.put(record, ++seen);
      sink.flush();
      if (seen === most || sink.ended) live.stop();
    });
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, stop);
  }
  process.stderr.write(`${seen} frames${missed > 0 ? `, ${missed} were missed` : ''}\n`);
}

async function compile(text: string): Promise<PcapFilter> {
  const names = new Map<string, readonly string[]>();
  for (const name of namesIn(text)) {
    const found = await lookup(name, { all: true }).catch(() => []);
    names.set(
      name,
      found.map(({ address }) => address),
    );
  }
  return new PcapFilter(text, { names });
}

interface FrameSink {
  put(record: CaptureRecord, number: number): void;
  flush(): void;
  /** The reader of the output left. */
  readonly ended: boolean;
  close(): void;
}

async function pump(
  reader: ReturnType<typeof openCapture>,
  filter: PcapFilter,
  sink: FrameSink,
  most: number,
): Promise<void> {
  let chosen = 0;
  let number = 0;
  for (let record = reader.next(); record && chosen < most; record = reader.next()) {
    number++;
    if (record.linkType !== LINKTYPE_ETHERNET) {
      throw new NetError(
        'EPROTONOSUPPORT',
        `frame ${number} has link type ${record.linkType}; Ethernet, ${LINKTYPE_ETHERNET}, can be read`,
      );
    }
    if (number % SLICE_FRAMES === 0) {
      sink.flush();
      // Signals and a reader that left are heard when the process comes to rest.
      await new Promise((resolve) => setImmediate(resolve));
      if (sink.ended) return;
    }
    if (!filter.matches(record)) continue;
    chosen++;
    sink.put(record, number);
    if (chosen === most) break;
  }
  sink.flush();
}

class LineSink implements FrameSink {
  private text = '';
  ended = false;

  constructor(private readonly printer: FramePrinter) {
    process.stdout.on('error', () => {
      this.ended = true;
    });
  }

  put(record: CaptureRecord, number: number): void {
    const { data, originalLength, seconds, nanoseconds, comments } = record;
    this.text += `${this.printer.print({ data, originalLength, seconds, nanoseconds, comments, number })}\n`;
    if (this.text.length > 1 << 16) this.flush();
  }

  flush(): void {
    if (this.text !== '') process.stdout.write(this.text);
    this.text = '';
  }

  close(): void {}
}

/** pcapng with the interfaces of the frames, their directions and comments. */
class FileFrames implements FrameSink {
  readonly ended = false;
  private readonly writer: PcapngWriter;
  private readonly interfaces = new Map<string, number>();

  constructor(path: string) {
    this.writer = new PcapngWriter(fileSink(path));
  }

  put(record: CaptureRecord): void {
    const { interfaceName, interfaceId, direction, comments, originalLength } = record;
    const name = interfaceName === '' ? `interface ${interfaceId}` : interfaceName;
    let id = this.interfaces.get(name);
    if (id === undefined) {
      id = this.writer.addInterface(name);
      this.interfaces.set(name, id);
    }
    const comment = comments.length === 0 ? undefined : comments.join('; ');
    this.writer.write(id, record.seconds, record.nanoseconds, record.data, {
      originalLength,
      direction,
      comment,
    });
  }

  flush(): void {
    this.writer.flush();
  }

  close(): void {
    this.writer.close();
  }
}
