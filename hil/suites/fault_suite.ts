/**
 * Suite `faults`: everything that happens to a line and to a board, at random moments of traffic both ways. After each
 * fault frames come again within 2 s, no frame is wrong, and every one that did not come is counted somewhere.
 */
import { strict as assert } from 'node:assert';
import { cpus, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultBench } from '../lab/fault_bench.js';
import type { Damage } from '../line/damaged_line.js';
import { type Figures, type Place, suite } from '../rig/suite.js';

const FAULTS = ['drop', 'flip', 'insert', 'delay', 'cut', 'freeze', 'reset', 'kill'] as const;
type Fault = (typeof FAULTS)[number];

/** On each board. */
const COUNT = 34;
const COUNT_LONG = 1000;
const RECOVER_MS = 2000;
/** With many more programs than processors it is they that are measured. */
const PATIENCE_MS = 20_000;
const SETTLE_MS = 10_000;
const LIMIT_MS = 180_000;
const LIMIT_LONG_MS = 3_600_000;
const BETWEEN_MS = 60;

const busy = (): boolean => (loadavg()[0] ?? 0) >= 3 * cpus().length;

/** What the name says and its kin, of the same chance each. */
const DAMAGES: Partial<Record<Fault, readonly Damage[]>> = {
  drop: ['drop', 'cut'],
  flip: ['flip', 'zero'],
  insert: ['insert', 'duplicate', 'repeat'],
};

/** Damages the next chunks of one lane or both, and returns when one was damaged. */
async function damageLine({ proxy, random }: FaultBench, kinds: readonly Damage[]): Promise<string> {
  const lanes = random.pick(['toBoard', 'toHost', 'both'] as const);
  const kind = random.pick(kinds);
  const before = proxy.damaged;
  const wanted = lanes === 'both' ? 2 : 1;
  if (lanes !== 'toHost') proxy.toBoard = kind;
  if (lanes !== 'toBoard') proxy.toHost = kind;
  // Heartbeats alone are ten chunks a second.
  for (let i = 0; proxy.damaged - before < wanted && i < 1000; i++) await sleep(2);
  assert.equal(proxy.damaged - before, wanted, 'chunks were damaged');
  return `${kind} ${lanes}`;
}

/** Does it, and returns when it is over. `died`: the board has started again. */
async function inject(bench: FaultBench, fault: Fault): Promise<{ what: string; died: boolean }> {
  const { proxy, random } = bench;
  const damages = DAMAGES[fault];
  if (damages !== undefined) return { what: await damageLine(bench, damages), died: false };
  switch (fault) {
    case 'delay': {
      const ms = 20 + random.below(random.once(6) ? 1500 : 400);
      proxy.set('held');
      await sleep(ms);
      proxy.set('open');
      return { what: `${ms} ms`, died: false };
    }
    case 'cut': {
      const ms = 20 + random.below(random.once(6) ? 1500 : 400);
      const atHost = random.once(2);
      if (atHost) proxy.disconnect(true);
      else proxy.set('broken');
      await sleep(ms);
      proxy.plug();
      proxy.set('open');
      return { what: `${ms} ms ${atHost ? 'at the host' : 'on the way'}`, died: false };
    }
    case 'freeze': {
      const ms = 20 + random.below(random.once(6) ? 1200 : 400);
      await bench.board.control('stop');
      await sleep(ms);
      await bench.board.control('cont');
      return { what: `${ms} ms`, died: false };
    }
    case 'reset':
      await bench.ask();
      await bench.board.control('system_reset');
      return { what: '', died: true };
    case 'kill':
      await bench.ask();
      bench.board.kill();
      await bench.board.exited;
      await sleep(random.below(200));
      await bench.startBoard();
      return { what: '', died: true };
    default:
      throw new Error(fault);
  }
}

async function faults(bench: FaultBench, { long, progress }: Place): Promise<Figures> {
  const count = long ? COUNT_LONG : COUNT;
  const done: Record<string, { count: number; worstMs: number }> = {};
  let overDue = 0;
  const order = Array.from({ length: count }, (_, i) => FAULTS[i % FAULTS.length]!);
  for (const [i, fault] of bench.random.shuffle(order).entries()) {
    progress?.(`${i + 1} of ${count}: ${fault}`);
    await sleep(bench.random.below(BETWEEN_MS));
    const label = `fault ${i} (${fault}`;
    try {
      const { what, died } = await inject(bench, fault);
      bench.say(`${i}: ${fault} ${what}`);
      const ms = await bench.recovered(PATIENCE_MS);
      const { count: times, worstMs } = done[fault] ?? { count: 0, worstMs: 0 };
      done[fault] = { count: times + 1, worstMs: Math.max(worstMs, Math.round(ms)) };
      if (ms >= RECOVER_MS) {
        assert.ok(busy(), `frames came again only after ${ms.toFixed(0)} ms (${what})`);
        overDue++;
      }
      await bench.settled(died, SETTLE_MS);
      assert.deepEqual([...bench.toBoard.wrong, ...bench.fromBoard.wrong], [], 'frames that are wrong');
    } catch (error) {
      bench.say(`${i}: ${(error as Error).message}`);
      throw new Error(`${label}): ${(error as Error).message}`, { cause: error });
    }
  }
  return { faults: count, over2sOnABusyMachine: overDue, done, ...bench.ledger() };
}

export const faultSuite = suite<FaultBench>({
  name: 'faults',
  needs: ['virtual'],
  open: (place) => FaultBench.open(place),
  cases: (long) => [
    {
      name: `${long ? COUNT_LONG : COUNT} faults: back within 2 s, nothing wrong, every frame accounted for`,
      limitMs: long ? LIMIT_LONG_MS : LIMIT_MS,
      run: faults,
    },
  ],
});
