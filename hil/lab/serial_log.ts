/** What a board and its line did during a suite, a line each: seconds since the suite began, event, words. */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { BoardLink } from '../../src/drivers/serial/board_link.js';

export class SerialLog {
  private fd: number | undefined;
  private readonly begin = performance.now();

  constructor(path: string) {
    this.fd = openSync(path, 'w', 0o600);
    this.say('begin', new Date().toISOString());
  }

  say(event: string, text: string): void {
    if (this.fd === undefined) return;
    const seconds = ((performance.now() - this.begin) / 1000).toFixed(3).padStart(9);
    writeSync(this.fd, `${seconds} ${event.padEnd(6)} ${text.replace(/[^\x20-\x7e]/g, '?')}\n`);
  }

  /** Writes down what `link` tells, before whoever else listens hears of it. */
  follow(link: BoardLink): void {
    const { events } = link;
    const told = { ...events };
    const ports = new Map<number, boolean>();
    events.up = (board) => {
      this.say(
        'up',
        `${board.name}, image ${board.build}, boot ${board.bootId.toString(16)}, session ${board.nonce.toString(16)}`,
      );
      told.up?.(board);
    };
    events.down = (why) => {
      this.say('down', `${why.code}: ${why.message}`);
      told.down?.(why);
    };
    events.port = (port) => {
      if (ports.get(port.port) !== port.up)
        this.say('port', `${port.port} ${port.mac} ${port.up ? 'up' : 'down'}`);
      ports.set(port.port, port.up);
      told.port?.(port);
    };
    events.boot = (boot) => {
      this.say(
        'boot',
        `${boot.name}, image ${boot.build}, boot ${boot.bootId.toString(16)}: ${boot.reason}, start ${boot.starts}`,
      );
      told.boot?.(boot);
    };
    events.trap = (trap) => {
      this.say(
        'trap',
        `${trap.what}, cause ${trap.cause} at ${trap.pc}, address ${trap.address}, ra ${trap.ra}, sp ${trap.sp}`,
      );
      told.trap?.(trap);
    };
    events.log = (text) => {
      this.say('log', text);
      told.log?.(text);
    };
  }

  /** At the end: what both sides have counted. */
  counters(link: BoardLink): void {
    this.say('line', JSON.stringify(link.session.counters));
  }

  close(): void {
    if (this.fd === undefined) return;
    this.say('end', '');
    closeSync(this.fd);
    this.fd = undefined;
  }
}
