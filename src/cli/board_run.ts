/** What `ww board` does: one connection to a board, a question or two, and an orderly end. */
import { LinkCap, LinkMode, LinkOp } from '../../assembly/abi/link.js';
import { BoardLink } from '../drivers/serial/board_link.js';
import {
  type BoardBoot,
  type BoardInfo,
  type BoardPort,
  type BoardTrap,
  parseCounters,
} from '../drivers/serial/link_messages.js';
import { parseSerial, VIRTUAL_BOARDS } from '../drivers/serial/serial_spec.js';
import { listTtys, type Tty } from '../drivers/serial/tty_list.js';
import { NetError } from '../net_error.js';
import { benchLine } from './board_bench.js';
import { EXIT_DONE, EXIT_FAILED, EXIT_WRONG_USE } from './command_line.js';

export interface BoardOptions {
  readonly json?: boolean;
  readonly probe?: boolean;
  readonly duration?: number;
}

export interface BoardOutput {
  out(text: string): void;
  err(text: string): void;
}

const PROCESS_OUTPUT: BoardOutput = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
};

const CONNECT_MS = 5000;
const PROBE_MS = 1500;
/** After a session began the ports are told at once. */
const PORTS_MS = 1500;

interface Told {
  readonly boots: BoardBoot[];
  readonly traps: BoardTrap[];
  readonly ports: Map<number, BoardPort>;
}

/** Lower-case names of the bits of a flags enum. */
const bits = (kind: Record<string, number | string>, value: number): string[] =>
  Object.entries(kind).flatMap(([key, bit]) =>
    typeof bit === 'number' && (value & bit) !== 0 ? [key.toLowerCase()] : [],
  );

const identity = (board: BoardInfo): object => ({
  name: board.name,
  build: board.build,
  xlen: board.xlen,
  ports: board.ports,
  mode: (LinkMode[board.mode] ?? String(board.mode)).toLowerCase(),
  capabilities: bits(LinkCap, board.caps),
  bootId: board.bootId,
  uptimeS: board.uptimeS,
});

/** Connects, does it, and closes, whatever came of it. */
async function withBoard<T>(
  line: string,
  timeoutMs: number,
  use: (link: BoardLink, board: BoardInfo, told: Told) => Promise<T>,
): Promise<T> {
  const told: Told = { boots: [], traps: [], ports: new Map() };
  const link = new BoardLink(parseSerial(line.replace(/^serial:/, '')), {
    boot: (boot) => told.boots.push(boot),
    trap: (trap) => told.traps.push(trap),
    port: (port) => told.ports.set(port.port, port),
  });
  link.start();
  try {
    return await use(link, await link.connected(timeoutMs), told);
  } finally {
    await link.close();
  }
}

async function until(what: () => boolean, timeoutMs: number): Promise<void> {
  for (const end = performance.now() + timeoutMs; !what() && performance.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const table = (rows: readonly (readonly [string, unknown])[]): string => {
  const width = Math.max(...rows.map(([key]) => key.length));
  return rows.map(([key, value]) => `${key.padEnd(width)}  ${value}\n`).join('');
};

async function info(line: string, json: boolean, output: BoardOutput): Promise<number> {
  const found = await withBoard(line, CONNECT_MS, async (link, board, told) => {
    await until(() => told.ports.size === board.ports, PORTS_MS);
    const { data } = await link.call(LinkOp.COUNTERS, new Uint8Array(0), 'counters');
    return { ...identity(board), links: [...told.ports.values()], counters: parseCounters(data) };
  });
  if (json) output.out(`${JSON.stringify(found)}\n`);
  else {
    const { links, counters, ...who } = found as typeof found & Record<string, unknown>;
    output.out(table(Object.entries(who)));
    for (const port of links) {
      output.out(`port ${port.port}: ${port.mac}, ${port.up ? 'up' : 'down'}, mtu ${port.mtu}\n`);
      output.out(table(Object.entries(counters.ports[port.port] ?? {}).map(([k, v]) => [`  ${k}`, v])));
    }
    output.out(`line\n${table(Object.entries(counters.line).map(([k, v]) => [`  ${k}`, v]))}`);
  }
  return EXIT_DONE;
}

async function selftest(line: string, json: boolean, output: BoardOutput): Promise<number> {
  const results = await withBoard(line, CONNECT_MS, async (link) => {
    const done: { name: string; ok: boolean }[] = [];
    for (let n = 0; ; n++) {
      const number = Buffer.alloc(4);
      number.writeUInt32LE(n);
      try {
        const { status, data } = await link.call(LinkOp.SELFTEST, number, `test ${n}`);
        done.push({ name: data.toString(), ok: status === 1 });
      } catch (error) {
        if (error instanceof NetError && error.code === 'ENOENT') return done;
        throw error;
      }
    }
  });
  const failed = results.filter(({ ok }) => !ok).length;
  if (json) output.out(`${JSON.stringify({ passed: results.length - failed, failed, results })}\n`);
  else {
    for (const { name, ok } of results) output.out(`${ok ? 'ok    ' : 'FAILED'}  ${name}\n`);
    output.out(`${results.length - failed} passed, ${failed} failed\n`);
  }
  return failed === 0 ? EXIT_DONE : EXIT_FAILED;
}

async function bench(line: string, json: boolean, output: BoardOutput): Promise<number> {
  const { board, echo } = await withBoard(line, CONNECT_MS, async (link, { name, build }) => ({
    board: { name, build },
    echo: await benchLine(link),
  }));
  if (json) output.out(`${JSON.stringify({ ...board, echo })}\n`);
  else {
    for (const { bytes, rttMedian, rttMin, rttMax, kibPerS } of echo) {
      const ms = [rttMin, rttMedian, rttMax].map((value) => value.toFixed(2)).join(' / ');
      output.out(
        `echo ${String(bytes).padStart(4)} B  ${ms} ms (min / median / max), ${kibPerS.toFixed(0)} KiB/s\n`,
      );
    }
  }
  return EXIT_DONE;
}

async function reset(line: string, json: boolean, output: BoardOutput): Promise<number> {
  const boot = await withBoard(line, CONNECT_MS, async (link, _board, told) => {
    told.boots.length = 0;
    // It starts again instead of answering.
    await link.call(LinkOp.RESET, new Uint8Array(0), 'reset').catch(() => {});
    await until(() => told.boots.length > 0, CONNECT_MS);
    const [first] = told.boots;
    if (first === undefined) throw new NetError('ETIMEDOUT', 'the board did not start again');
    await link.connected(CONNECT_MS);
    return first;
  });
  output.out(
    json
      ? `${JSON.stringify(boot)}\n`
      : `${boot.name} started again (${boot.reason}), image ${boot.build}, start ${boot.starts} since power came\n`,
  );
  return EXIT_DONE;
}

async function monitor(line: string, options: BoardOptions, output: BoardOutput): Promise<number> {
  const say = (event: string, fields: object, text: string): void =>
    output.out(options.json ? `${JSON.stringify({ event, ...fields })}\n` : `${event}  ${text}\n`);
  const link = new BoardLink(parseSerial(line.replace(/^serial:/, '')), {
    up: (board) => say('up', identity(board), `${board.name}, image ${board.build}`),
    down: (why) => say('down', { code: why.code, message: why.message }, why.message),
    boot: (boot) => say('boot', boot, `${boot.name} (${boot.reason}), start ${boot.starts}`),
    trap: (trap) => say('trap', trap, `${trap.what} at ${trap.pc}, address ${trap.address}, ra ${trap.ra}`),
    log: (text) => say('log', { text }, text),
  });
  const ended = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
    if (options.duration !== undefined) setTimeout(resolve, options.duration * 1000);
  });
  link.start();
  await ended;
  await link.close();
  return EXIT_DONE;
}

async function list(options: BoardOptions, output: BoardOutput): Promise<number> {
  const ttys = await listTtys();
  const ask = async (tty: Tty): Promise<object | undefined> =>
    options.probe === false
      ? undefined
      : withBoard(tty.path, PROBE_MS, async (_link, board) => identity(board)).catch(() => undefined);
  const lines = await Promise.all(ttys.map(async (tty) => ({ ...tty, board: await ask(tty) })));
  if (options.json) {
    output.out(
      `${JSON.stringify({ lines, virtual: VIRTUAL_BOARDS.map((name) => `serial:qemu:${name}`) })}\n`,
    );
    return EXIT_DONE;
  }
  for (const { path, usb, maker, board } of lines) {
    const who = board === undefined ? 'no board answers' : Object.values(board).slice(0, 2).join(' ');
    output.out(`serial:${path}  ${usb ?? ''} ${maker ?? ''}  ${options.probe === false ? '' : who}\n`);
  }
  for (const name of VIRTUAL_BOARDS) output.out(`serial:qemu:${name}  virtual\n`);
  return EXIT_DONE;
}

export async function runBoard(
  name: string,
  options: BoardOptions,
  line = '',
  output: BoardOutput = PROCESS_OUTPUT,
): Promise<number> {
  const json = options.json === true;
  try {
    switch (name) {
      case 'list':
        return await list(options, output);
      case 'info':
        return await info(line, json, output);
      case 'selftest':
        return await selftest(line, json, output);
      case 'bench':
        return await bench(line, json, output);
      case 'reset':
        return await reset(line, json, output);
      default:
        return await monitor(line, options, output);
    }
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    output.err(`ww board: ${error.message}\n`);
    return error.code === 'EINVAL' ? EXIT_WRONG_USE : EXIT_FAILED;
  }
}
