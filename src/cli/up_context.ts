/** What `ww up` hands to the router or the lab that it starts, and others to what they run. */
import type { Logger } from 'pino';
import type { LinkConfig } from '../config/router_config.js';
import { JIT_DEFAULT, type JitMode } from './jit_mode.js';
import type { LogLevel } from './log_level.js';
import type { RouterPort } from './router_port.js';
import type { Screen } from './screen.js';

export interface UpContext {
  readonly log: Logger;
  /** Where live figures are drawn; null in a pipe and with --json. */
  readonly screen: Screen | null;
  /** Ends by itself after so many seconds. */
  readonly durationS?: number;
  /** How chains of rules are run. */
  readonly jit: JitMode;
  /** One summary object on stdout at the end. */
  readonly json: boolean;
  /** A folder for one pcapng file per port. */
  readonly pcapDir?: string;
  /** Replay: stands in for the ports that the file names; nothing answers there. */
  readonly openPort?: (link: LinkConfig) => RouterPort;
}

export interface ContextOptions {
  readonly logLevel: LogLevel;
  readonly json?: boolean;
  readonly duration?: number;
  readonly pcap?: string;
  readonly jit?: JitMode;
}

/** Log and screen as the options and the terminal have it. */
export async function makeContext(options: ContextOptions): Promise<UpContext> {
  const [{ makeLogger }, { Screen, useColor }] = await Promise.all([
    import('./log.js'),
    import('./screen.js'),
  ]);
  const json = options.json === true;
  const screen = process.stdout.isTTY && !json ? new Screen(process.stdout) : null;
  const log = makeLogger({
    level: options.logLevel,
    pretty: process.stderr.isTTY === true,
    color: useColor(process.stderr),
    // Both may be the same terminal: a line goes above the figures, not through them.
    write:
      screen && process.stderr.isTTY
        ? (text) => screen.print(text)
        : (text) => void process.stderr.write(text),
  });
  return {
    log,
    screen,
    json,
    jit: options.jit ?? JIT_DEFAULT,
    ...(options.duration !== undefined && { durationS: options.duration }),
    ...(options.pcap !== undefined && { pcapDir: options.pcap }),
  };
}
