import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type RunOptions, type RunProcess, runUntilDone } from './run.js';
import { Screen } from './screen.js';

class FakeStdout extends EventEmitter {
  text = '';
  write(text: string, written?: (error?: Error | null) => void): boolean {
    this.text += text;
    written?.();
    return true;
  }
}

class FakeProcess extends EventEmitter {
  readonly stdout = new FakeStdout();
  readonly stderr = new FakeStdout();
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

function setUp(changes: Partial<RunOptions> = {}) {
  const host = new FakeProcess();
  const events: string[] = [];
  const logged: [string, object][] = [];
  const note = (fields: object, message: string) => void logged.push([message, fields]);
  let frames = 0;
  const options: RunOptions = {
    log: { info: note, warn: note, error: note },
    screen: null,
    json: false,
    source: {
      sample: () => {
        frames += 10;
        const port = {
          name: 'lan0',
          up: true,
          rxFrames: frames,
          rxBytes: frames * 100,
          txFrames: 0,
          txBytes: 0,
        };
        return { nowMs: Date.now(), ports: [{ ...port, drops: { NO_SOCKET: 2 } }] };
      },
    },
    summary: () => {
      events.push('summary');
      return { frames };
    },
    close: async () => {
      events.push('close');
    },
    ...changes,
  };
  const exitCode = runUntilDone(options, host as unknown as RunProcess);
  return { host, events, logged, exitCode };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('runUntilDone', () => {
  it('does not ask a slow source of figures twice at once, and ends without its answer', async () => {
    let asked = 0;
    const sample = () => {
      asked++;
      return new Promise<never>(() => {});
    };
    const { exitCode } = setUp({ source: { sample }, durationS: 20 });
    await vi.advanceTimersByTimeAsync(20_000);
    expect(await exitCode).toBe(0);
    expect(asked).toBe(1);
  });

  it('ends by itself after its duration, closes once and leaves no listener', async () => {
    const { host, events, exitCode } = setUp({ durationS: 2.5 });
    await vi.advanceTimersByTimeAsync(2499);
    expect(events).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(await exitCode).toBe(0);
    expect(events).toEqual(['close']);
    expect(host.eventNames()).toEqual([]);
    expect([...host.stdout.eventNames(), ...host.stderr.eventNames()]).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('closes in order on %s and exits 0', async (signal) => {
    const { host, events, exitCode } = setUp({ json: true });
    host.emit(signal, signal);
    expect(await exitCode).toBe(0);
    expect(events).toEqual(['summary', 'close']);
    expect(host.exits).toEqual([]);
  });

  it('prints exactly one JSON object, after everything is closed', async () => {
    let atClose = 'not called';
    const set = setUp({
      json: true,
      close: async () => {
        atClose = set.host.stdout.text;
      },
    });
    set.host.emit('SIGINT', 'SIGINT');
    await set.exitCode;
    expect(atClose).toBe('');
    expect(JSON.parse(set.host.stdout.text)).toEqual({ frames: 10 });
  });

  it('exits at once on a second signal while closing, but not when one key press arrives twice', async () => {
    let closed = () => {};
    const { host, exitCode } = setUp({
      close: () =>
        new Promise((resolve) => {
          closed = resolve;
        }),
    });
    host.emit('SIGINT', 'SIGINT');
    await vi.advanceTimersByTimeAsync(5);
    host.emit('SIGINT', 'SIGINT');
    expect(host.exits).toEqual([]);
    await vi.advanceTimersByTimeAsync(1000);
    host.emit('SIGINT', 'SIGINT');
    expect(host.exits).toEqual([1]);
    closed();
    await exitCode;
  });

  it('gives up closing after 10 seconds and says that it failed', async () => {
    const { host, logged, exitCode } = setUp({ close: () => new Promise(() => {}) });
    host.emit('SIGTERM', 'SIGTERM');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await exitCode).toBe(1);
    expect(logged.at(-1)?.[0]).toBe('closing failed');
  });

  it('fails when closing or the summary fails, and still does the other', async () => {
    const failing = async () => {
      throw new Error('stuck');
    };
    const one = setUp({ json: true, close: failing });
    one.host.emit('SIGINT', 'SIGINT');
    expect(await one.exitCode).toBe(1);
    expect(JSON.parse(one.host.stdout.text)).toEqual({ frames: 10 });
    const two = setUp({ json: true, summary: failing });
    two.host.emit('SIGINT', 'SIGINT');
    expect(await two.exitCode).toBe(1);
    expect(two.events).toEqual(['close']);
  });

  it.each(['stdout', 'stderr'] as const)('ends quietly when the reader of %s has left', async (name) => {
    const { host, events, exitCode } = setUp();
    host[name].emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    expect(await exitCode).toBe(0);
    expect(events).toEqual(['close']);
  });

  it('ends with the router: 0 when it is done, 1 when it cannot go on', async () => {
    expect(await setUp({ done: Promise.resolve() }).exitCode).toBe(0);
    const { logged, exitCode } = setUp({ done: Promise.reject(new Error('core trapped')) });
    expect(await exitCode).toBe(1);
    expect(logged.map(([message]) => message)).toContain('the router cannot go on');
  });

  it('fails when the figures cannot be read', async () => {
    let calls = 0;
    const source = {
      sample: () => {
        calls++;
        if (calls > 1) throw new Error('no memory');
        return { nowMs: 0, ports: [] };
      },
    };
    const { exitCode } = setUp({ source });
    await vi.advanceTimersByTimeAsync(5000);
    expect(await exitCode).toBe(1);
  });

  it('logs the figures of each port every 5 seconds in a pipe', async () => {
    const { host, logged, exitCode } = setUp();
    await vi.advanceTimersByTimeAsync(10_000);
    const figures = { port: 'lan0', up: true, rxFps: 2, rxBps: 1600, txFps: 0, txBps: 0, NO_SOCKET: 2 };
    expect(logged).toEqual([
      ['port', figures],
      ['port', figures],
    ]);
    host.emit('SIGINT', 'SIGINT');
    await exitCode;
  });

  it('draws twice a second on a terminal and gives the cursor back', async () => {
    let text = '';
    const screen = new Screen({
      isTTY: true,
      columns: 100,
      rows: 30,
      write: (more) => {
        text += more;
      },
    });
    const { host, logged, exitCode } = setUp({ screen });
    await vi.advanceTimersByTimeAsync(1000);
    expect(text.match(/rx bit\/s/g)).toHaveLength(3);
    host.emit('SIGINT', 'SIGINT');
    await exitCode;
    expect(text.startsWith('\x1b[?25l')).toBe(true);
    expect(text.endsWith('\x1b[?25h')).toBe(true);
    expect(logged.map(([message]) => message)).toEqual(['stopping']);
  });
});
