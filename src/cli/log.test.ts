import { describe, expect, it } from 'vitest';
import { makeLogger, prettyLine } from './log.js';

describe('makeLogger', () => {
  it('writes JSON lines with the level by name and ISO time', () => {
    let text = '';
    const log = makeLogger({
      level: 'info',
      pretty: false,
      color: false,
      write: (more) => {
        text += more;
      },
    });
    log.debug('not this');
    log.info({ port: 'lan0' }, 'port comes up');
    const line = JSON.parse(text) as Record<string, unknown>;
    expect(line).toEqual({ level: 'info', time: expect.any(String), port: 'lan0', msg: 'port comes up' });
    expect(new Date(String(line.time)).toISOString()).toBe(line.time);
  });
});

describe('prettyLine', () => {
  it('is readable', () => {
    const json =
      '{"level":"warn","time":"2026-01-02T03:04:05.678Z","port":"lan0","why":"no carrier","msg":"port goes down"}';
    expect(prettyLine(json, false)).toBe('03:04:05.678 WARN  port goes down  port=lan0 why="no carrier"\n');
    expect(prettyLine(json, true)).toContain('\x1b[33mWARN \x1b[0m');
  });

  it('puts the stack of an error below', () => {
    const json =
      '{"level":"error","time":"2026-01-02T03:04:05.678Z","err":{"stack":"Error: x\\n    at y"},"msg":"failed"}';
    expect(prettyLine(json, false)).toBe('03:04:05.678 ERROR failed\n    Error: x\n        at y\n');
  });
});
