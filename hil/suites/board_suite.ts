/** Suite `board`: what needs nothing but the line. The board says who it is, passes its own tests, and comes back. */
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LinkCrash, LinkOp } from '../../assembly/abi/link.js';
import { BoardLink } from '../../src/drivers/serial/board_link.js';
import { type BoardBoot, type BoardTrap, parseCounters } from '../../src/drivers/serial/link_messages.js';
import { parseSerial } from '../../src/drivers/serial/serial_spec.js';
import { NetError } from '../../src/net_error.js';
import { type Reached, reach } from '../lab/reach.js';
import { SerialLog } from '../lab/serial_log.js';
import type { RigBoard } from '../rig/rig_config.js';
import { type Place, suite } from '../rig/suite.js';

const CONNECT_MS = 10_000;
const BACK_MS = 8000;
const ECHOES = 50;

const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const NOTHING = Buffer.alloc(0);

class LineBench {
  readonly boots: BoardBoot[] = [];
  readonly traps: BoardTrap[] = [];

  private constructor(
    readonly board: RigBoard,
    readonly link: BoardLink,
    private readonly line: Reached,
    private readonly log: SerialLog,
  ) {
    link.events.boot = (boot) => this.boots.push(boot);
    link.events.trap = (trap) => this.traps.push(trap);
    log.follow(link);
  }

  static async open({ board, folder }: Place): Promise<LineBench> {
    const line = await reach(board.line, { kind: 'user' });
    const link = new BoardLink(parseSerial(line.spec.replace(/^serial:/, '')), {});
    const bench = new LineBench(board, link, line, new SerialLog(join(folder, 'serial.log')));
    link.start();
    try {
      await link.connected(CONNECT_MS);
    } catch (error) {
      await bench.close();
      throw error;
    }
    return bench;
  }

  /** Waits for a boot other than `bootId`, and the session with it. */
  async startedAgain(bootId: number): Promise<number> {
    const begin = performance.now();
    while (performance.now() - begin < BACK_MS) {
      const { board } = this.link.session;
      if (board !== undefined && board.bootId !== bootId) return Math.round(performance.now() - begin);
      await sleep(10);
    }
    throw new NetError('ETIMEDOUT', `the board was not back within ${BACK_MS / 1000} s`);
  }

  async close(): Promise<void> {
    this.log.counters(this.link);
    await this.link.close();
    await this.line.close();
    this.log.close();
  }
}

/** Crashes it, and waits for its last words and its return. */
async function crash(bench: LineBench, how: LinkCrash, kind: BoardTrap['kind']): Promise<{ backMs: number }> {
  const { bootId } = await bench.link.connected(CONNECT_MS);
  bench.traps.length = 0;
  await assert.rejects(bench.link.call(LinkOp.CRASH, word(how), 'crash'));
  const backMs = await bench.startedAgain(bootId);
  assert.equal(bench.traps[0]?.kind, kind, 'what the board said of it');
  assert.equal(bench.boots.at(-1)?.reason, kind, 'why it says that it started');
  return { backMs };
}

export const boardSuite = suite<LineBench>({
  name: 'board',
  needs: [],
  open: (place) => LineBench.open(place),
  cases: () => [
    {
      name: 'says who it is',
      limitMs: 5000,
      async run({ link, board }) {
        const { name, build, xlen, ports, version } = await link.connected(CONNECT_MS);
        if (board.line.kind === 'virtual') assert.equal(name, board.line.board);
        assert.match(build, /^[0-9a-f]{16}$/);
        assert.ok(ports >= 1, 'it has an Ethernet port');
        return { name, build, xlen, ports, version };
      },
    },
    {
      name: 'answers calls',
      limitMs: 20_000,
      async run({ link }) {
        const times: number[] = [];
        for (let i = 0; i < ECHOES; i++) {
          const begin = performance.now();
          const { data } = await link.call(LinkOp.ECHO, Buffer.from(`echo ${i}`), 'echo');
          assert.equal(data.toString(), `echo ${i}`);
          times.push(performance.now() - begin);
        }
        times.sort((a, b) => a - b);
        return { echoMs: Number(times[ECHOES >> 1]!.toFixed(2)) };
      },
    },
    {
      name: 'passes its own tests',
      limitMs: 60_000,
      async run({ link }) {
        const names: string[] = [];
        for (let n = 0; ; n++) {
          const result = await link
            .call(LinkOp.SELFTEST, word(n), `selftest ${n}`)
            .catch((error: NetError) => {
              if (error.code === 'ENOENT') return undefined;
              throw error;
            });
          if (result === undefined) break;
          assert.equal(result.status, 1, result.data.toString());
          names.push(result.data.toString());
        }
        assert.ok(names.length > 0, 'it has tests');
        return { tests: names.length };
      },
    },
    {
      name: 'counts a line without faults',
      limitMs: 5000,
      async run({ link }) {
        const { data } = await link.call(LinkOp.COUNTERS, NOTHING, 'counters');
        const { bad, lost, duplicates, overruns } = parseCounters(data).line;
        assert.deepEqual(
          { bad, lost, duplicates, overruns },
          { bad: 0, lost: 0, duplicates: 0, overruns: 0 },
        );
        return parseCounters(data).line;
      },
    },
    {
      name: 'starts again when it is reset',
      limitMs: 20_000,
      async run(bench) {
        const { bootId } = await bench.link.connected(CONNECT_MS);
        if (bench.board.reset === undefined)
          await bench.link.call(LinkOp.RESET, NOTHING, 'reset').catch(() => {});
        else execFileSync('sh', ['-c', bench.board.reset], { stdio: ['ignore', 'ignore', 'pipe'] });
        return { backMs: await bench.startedAgain(bootId) };
      },
    },
    {
      name: 'tells of an illegal instruction, and starts again',
      limitMs: 20_000,
      run: (bench) => crash(bench, LinkCrash.ILLEGAL, 'trap'),
    },
    {
      name: 'tells that it made no progress, and starts again',
      limitMs: 20_000,
      run: (bench) => crash(bench, LinkCrash.HANG, 'watchdog'),
    },
  ],
});
