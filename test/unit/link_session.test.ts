/**
 * Both sides of the link against each other, the host's (src/drivers/serial) and the board's own C code
 * (firmware/link, with the sanitizers), over a line that does what lines do. Time is the test's.
 */
import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LinkOp } from '../../assembly/abi/link.js';
import { LinkSession } from '../../src/drivers/serial/link_session.js';
import { NetError } from '../../src/net_error.js';
import { DAMAGES, type Damage, damage } from '../../hil/line/damaged_line.js';
import { NativeLink } from '../board/native_link.js';
import { Random } from '../random.js';

const hasCc = spawnSync('cc', ['--version']).error === undefined;
const STEP_MS = 10;

/** A host, a board, and the two lanes between them. */
class Pair {
  readonly board = new NativeLink();
  readonly host: LinkSession;
  now = 0;
  /** What the next chunk of a lane meets. */
  toBoard: Damage | undefined;
  toHost: Damage | undefined;
  readonly hostGot: number[] = [];
  readonly boardGot: number[] = [];
  readonly boardLost: number[] = [];
  readonly downs: NetError[] = [];
  readonly calls: number[] = [];
  hostLost = 0;
  boardSessions = 0;
  lastError = 0;
  private nonces = 100;
  private readonly lane: Buffer[] = [];

  constructor(private readonly random: Random) {
    this.host = new LinkSession(
      {
        up: () => {},
        down: (why) => this.downs.push(why),
        frame: (_port, frame, _time, lost) => {
          this.hostGot.push(contentOf(Buffer.from(frame)));
          this.hostLost += lost;
        },
        port: () => {},
        writable: () => {},
        lost: (from) => {
          this.hostLost += from;
        },
      },
      { write: (bytes) => this.lane.push(Buffer.from(bytes)), nonce: () => ++this.nonces },
    );
  }

  get up(): boolean {
    return this.host.board !== undefined;
  }

  /** What the board's side says goes to the host; what the host answers waits for the next step. */
  private async say(kind: string, bytes?: Uint8Array): Promise<void> {
    const { line, events } = await this.board.step(kind, this.now, bytes);
    for (const event of events) {
      if (event.kind === 'F') {
        this.boardLost.push(event.bytes.readUInt32LE(0));
        this.boardGot.push(contentOf(event.bytes.subarray(4)));
      } else if (event.kind === 'G') this.boardLost.push(event.bytes.readUInt32LE(0));
      else if (event.kind === 'S') this.boardSessions += event.bytes[0]!;
      else if (event.kind === 'C') this.calls.push(event.bytes.readUInt16LE(0));
      else if (event.kind === 'E') this.lastError = event.bytes.readInt32LE(0);
    }
    const arrives =
      this.toHost === undefined ? Buffer.from(line) : damage(Buffer.from(line), this.toHost, this.random);
    if (line.length > 0) this.toHost = undefined;
    if (arrives.length > 0) this.host.receive(arrives, this.now);
  }

  async step(): Promise<void> {
    this.now += STEP_MS;
    this.host.tick(this.now);
    const sent = Buffer.concat(this.lane.splice(0));
    const arrives = this.toBoard === undefined ? sent : damage(sent, this.toBoard, this.random);
    if (sent.length > 0) this.toBoard = undefined;
    if (arrives.length > 0) await this.say('R', arrives);
    await this.say('T');
  }

  async steps(ms: number, until: () => boolean = () => false): Promise<void> {
    for (let end = this.now + ms; this.now < end && !until(); ) await this.step();
  }

  async boardSends(number: number): Promise<boolean> {
    await this.say('F', content(number));
    return this.lastError === 0;
  }

  /** What the host has said and the line not yet taken; and back again. */
  takeLane(): Buffer[] {
    return this.lane.splice(0);
  }

  putLane(chunks: readonly Buffer[]): void {
    this.lane.push(...chunks);
  }

  restartBoard(bootId: number): Promise<void> {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(bootId);
    return this.say('B', bytes);
  }
}

/** A frame that shows any change: its number, its length and all bytes made of it. */
function content(number: number): Buffer {
  const frame = Buffer.alloc(60 + ((number * 37) % 1400));
  frame.writeUInt32LE(number);
  for (let i = 4; i < frame.length; i++) frame[i] = (number * 7 + i * (number & 1)) & 0xff;
  return frame;
}

function contentOf(frame: Buffer): number {
  const number = frame.readUInt32LE(0);
  expect(frame.equals(content(number)), `frame ${number} arrived as it was sent`).toBe(true);
  return number;
}

const rising = (numbers: readonly number[]): boolean =>
  numbers.every((n, i) => i === 0 || n > numbers[i - 1]!);

describe.skipIf(!hasCc)('the link between host and board', () => {
  let pair: Pair;
  beforeEach(() => {
    pair = new Pair(new Random(1));
    pair.host.start(0);
  });
  afterEach(() => pair.board.close());

  it('comes up with the first HELLO, and both sides deliver', async () => {
    await pair.steps(50);
    expect(pair.host.board).toMatchObject({ name: 'native', bootId: 1, version: 1, ports: 1, window: 12288 });
    for (let i = 0; i < 300; i++) {
      if (!pair.host.sendFrame(0, content(i))) throw new Error(`no credit for frame ${i}`);
      expect(await pair.boardSends(i)).toBe(true);
      await pair.step();
    }
    await pair.steps(50);
    expect(pair.hostGot).toHaveLength(300);
    expect(pair.boardGot).toHaveLength(300);
    expect(pair.host.counters).toMatchObject({
      sent: 300,
      received: 300,
      framesLost: 0,
      bad: 0,
      lost: 0,
      stale: 0,
    });
  });

  it('does a call once, however often it has to be said', async () => {
    await pair.steps(50);
    pair.toHost = 'cut';
    const result = pair.host.calls.call(LinkOp.ECHO, Buffer.from('hello'), 'echo', pair.now);
    await pair.step(); // the result is lost
    await pair.steps(600);
    expect((await result).data.toString()).toBe('hello');
    expect(pair.calls).toEqual([LinkOp.ECHO]);
  });

  it('holds frames back when the board does not read, and goes on when it does', async () => {
    await pair.steps(50);
    let sent = 0;
    while (pair.host.sendFrame(0, content(sent))) sent++;
    expect(sent).toBeGreaterThan(8);
    expect(sent).toBeLessThan(60);
    await pair.steps(50);
    expect(pair.boardGot).toHaveLength(sent);
    expect(pair.host.sendFrame(0, content(sent))).toBe(true);
  });

  it('gives credit back that bytes took along which were lost', async () => {
    await pair.steps(50);
    for (let round = 0; round < 20; round++) {
      while (pair.host.sendFrame(0, content(round * 100)));
      pair.toBoard = 'cut';
      await pair.steps(250);
      expect(pair.host.sendFrame(0, content(round * 100 + 99)), `round ${round}`).toBe(true);
    }
    expect(pair.downs).toEqual([]);
  });

  it('begins a new session with a board that started again, and says so', async () => {
    await pair.steps(50);
    await pair.restartBoard(2);
    await pair.steps(50);
    expect(pair.downs.map(({ code }) => code)).toEqual(['ECONNRESET']);
    expect(pair.host.board).toMatchObject({ bootId: 2 });
  });

  it('is told of a start whose BOOT was lost by the answer to the next frame', async () => {
    await pair.steps(50);
    pair.toHost = 'cut';
    await pair.restartBoard(2);
    await pair.steps(400);
    expect(pair.host.board).toMatchObject({ bootId: 2 });
  });

  it('settles with the next WELCOME what was under way when a session ended', async () => {
    await pair.steps(50);
    for (let i = 0; i < 5; i++) pair.host.sendFrame(0, content(i));
    pair.takeLane();
    for (let i = 0; i < 3; i++) {
      pair.toHost = 'cut';
      await pair.boardSends(i);
    }
    pair.host.stop(new NetError('EIO', 'the cable was pulled'));
    pair.host.start(pair.now);
    await pair.steps(50);
    expect(pair.host.counters).toMatchObject({
      sent: 5,
      delivered: 0,
      sentLost: 5,
      unconfirmed: 0,
      framesLost: 3,
    });
    expect(pair.hostLost).toBe(3);
  });

  it('counts by heartbeat the frames at the end, behind which none came', async () => {
    await pair.steps(50);
    for (let i = 0; i < 5; i++) pair.host.sendFrame(0, content(i));
    pair.takeLane();
    pair.toHost = 'cut';
    await pair.boardSends(0);
    await pair.steps(250);
    expect(pair.downs).toEqual([]);
    expect(pair.host.counters).toMatchObject({ sentLost: 5, framesLost: 1 });
    expect(pair.boardLost).toEqual([5]);
  });

  it('counts as unconfirmed what a board that starts again took along', async () => {
    await pair.steps(50);
    for (let i = 0; i < 4; i++) pair.host.sendFrame(0, content(i));
    await pair.step();
    await pair.restartBoard(2);
    await pair.steps(50);
    expect(pair.boardGot).toHaveLength(4);
    const { sent, delivered, sentLost, unconfirmed } = pair.host.counters;
    expect({ sent, told: delivered + unconfirmed, sentLost }).toEqual({ sent: 4, told: 4, sentLost: 0 });
  });

  it('takes no frame of an earlier session', async () => {
    await pair.steps(50);
    const { calls } = pair.host;
    const result = calls.call(LinkOp.ECHO, Buffer.from('old'), 'echo', pair.now);
    const refused = expect(result).rejects.toMatchObject({ code: 'ECONNRESET' });
    const late = pair.takeLane(); // the call waits somewhere in the line
    pair.host.stop(new NetError('ECONNRESET', 'the cable was pulled'));
    await refused;
    pair.host.start(pair.now);
    await pair.steps(50);
    pair.putLane(late);
    await pair.steps(50);
    expect(pair.boardSessions).toBe(2);
    expect(pair.calls).toEqual([]);
  });

  it('refuses a call when there is no session, and those under way when it ends', async () => {
    await expect(pair.host.calls.call(LinkOp.ECHO, Buffer.alloc(0), 'echo', 0)).rejects.toMatchObject({
      code: 'ENOTCONN',
    });
    await pair.steps(50);
    pair.toBoard = 'cut';
    const result = pair.host.calls.call(LinkOp.ECHO, Buffer.alloc(0), 'echo', pair.now);
    const refused = expect(result).rejects.toMatchObject({ code: 'ECONNRESET' });
    await pair.restartBoard(3);
    await refused;
  });
});

describe.skipIf(!hasCc)('the link over a bad line', () => {
  it.each(Array.from({ length: 24 }, (_, i) => Number(process.env.FUZZ_SEED ?? 1) * 1000 + i))(
    'seed %i: delivers nothing wrong, twice or out of order, counts what it lost, and is back within 2 s',
    async (seed) => {
      const random = new Random(seed);
      const pair = new Pair(random);
      pair.host.start(0);
      await pair.steps(50);
      let fromHost = 0;
      let fromBoard = 0;
      let restarts = 0;
      const rate = 3 + random.below(20);
      for (let i = 0; i < 250; i++) {
        if (random.once(rate)) pair.toBoard = random.pick(DAMAGES);
        if (random.once(rate)) pair.toHost = random.pick(DAMAGES);
        if (random.once(100)) {
          restarts++;
          await pair.restartBoard(2 + i);
        }
        for (let n = random.below(4); n > 0; n--) if (pair.host.sendFrame(0, content(fromHost))) fromHost++;
        for (let n = random.below(4); n > 0; n--) if (await pair.boardSends(fromBoard)) fromBoard++;
        await pair.step();
      }
      pair.toBoard = undefined;
      pair.toHost = undefined;
      expect(rising(pair.hostGot)).toBe(true);
      expect(rising(pair.boardGot)).toBe(true);
      await pair.steps(2000, () => pair.up && pair.now % 1000 === 0);
      expect(pair.up).toBe(true);
      // A session without faults: all that is sent arrives, and gaps of before are told at the first frame.
      const before = { host: pair.hostGot.length, board: pair.boardGot.length };
      for (let i = 0; i < 20; i++) {
        expect(pair.host.sendFrame(0, content(fromHost++))).toBe(true);
        expect(await pair.boardSends(fromBoard++)).toBe(true);
        await pair.step();
      }
      await pair.steps(30);
      expect(pair.hostGot.length - before.host).toBe(20);
      expect(pair.boardGot.length - before.board).toBe(20);
      await pair.steps(300);
      const { sent, delivered, sentLost, unconfirmed, framesLost } = pair.host.counters;
      expect(sent).toBe(fromHost);
      expect(delivered + sentLost + unconfirmed).toBe(sent);
      expect(pair.hostGot.length + framesLost).toBeLessThanOrEqual(fromBoard);
      if (restarts > 0) return pair.board.close();
      // Sessions that ended have left nothing open: the board has outlived them.
      expect({ delivered, unconfirmed }).toEqual({ delivered: pair.boardGot.length, unconfirmed: 0 });
      expect(pair.hostGot.length + framesLost).toBe(fromBoard);
      expect(pair.hostLost).toBe(framesLost);
      await pair.board.close();
    },
  );

  it('accounts for every frame of a session: received and lost are what was sent', async () => {
    const random = new Random(7);
    const pair = new Pair(random);
    pair.host.start(0);
    await pair.steps(50);
    let sent = 0;
    for (let i = 0; i < 400; i++) {
      if (random.once(4)) pair.toHost = random.pick(['drop', 'flip', 'insert', 'cut'] as const);
      if (random.once(4)) pair.toBoard = random.pick(['drop', 'flip', 'insert', 'cut'] as const);
      if (await pair.boardSends(sent)) sent++;
      pair.host.sendFrame(0, content(i));
      await pair.step();
    }
    pair.toHost = pair.toBoard = undefined;
    await pair.boardSends(sent++);
    pair.host.sendFrame(0, content(400));
    await pair.steps(100);
    expect(pair.downs).toEqual([]);
    expect(pair.host.counters.framesLost).toBeGreaterThan(20);
    expect(pair.hostGot.length + pair.hostLost).toBe(sent);
    expect(pair.boardGot.length + pair.boardLost.reduce((a, b) => a + b, 0)).toBe(pair.host.counters.sent);
    await pair.board.close();
  });
});
