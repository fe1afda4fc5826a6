/**
 * What the rules of a running router log: `log` to pino, in the fields of Linux's kernel log, `log group N` to a capture
 * DIR/nflog-N.pcapng when `--pcap DIR` is given. The core keeps its records in a ring that is bounded; so many lines a second go
 * out, of the rest the number is told.
 *
 *   rule ─► trace ring ─► TraceFeed ─┬► pino: {prefix, rule's level} IN=lan0 OUT= ...
 *                                    └► nflog-N.pcapng, the prefix as comment
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { fileSink } from '../drivers/capture_file.js';
import { PcapngWriter } from '../drivers/pcapng.js';
import type { Namespace } from '../net/namespace.js';
import { dumpRuleset } from '../services/ruleset_dump.js';
import type { TraceFeed } from '../services/trace_feed.js';
import type { LogLevel } from '../nft/datatype/log.js';
import { type LoggedPacket, logLine, readLog } from '../tools/firewall/log_line.js';

/** Lines at once, and a second. */
const BURST = 200;
const PER_SECOND = 100;
const LINKTYPE_RAW = 101;

type PinoLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug';
const LEVELS: Readonly<Record<LogLevel, PinoLevel>> = {
  emerg: 'fatal',
  alert: 'fatal',
  crit: 'fatal',
  err: 'error',
  warn: 'warn',
  notice: 'info',
  info: 'info',
  debug: 'debug',
  audit: 'info',
};

export interface RuleLogOptions {
  readonly log: Pick<Logger, PinoLevel>;
  readonly deviceName: (handle: number) => string;
  readonly pcapDir?: string;
  /** ms; a test gives its own. */
  readonly now?: () => number;
}

export class RuleLog {
  private readonly groups = new Map<number, { writer: PcapngWriter; interfaces: Map<number, number> }>();
  private tokens = BURST;
  private lastMs: number;
  private unsaid = 0;
  private stop: (() => void) | undefined;
  private readonly now: () => number;

  constructor(private readonly options: RuleLogOptions) {
    this.now = options.now ?? (() => performance.now());
    this.lastMs = this.now();
  }

  /** From now on; more than once is no harm. */
  listen(feed: TraceFeed): void {
    this.stop ??= feed.logs((record, timeMs, lost) => {
      this.unsaid += lost;
      this.take(readLog(record), timeMs);
    });
  }

  /** `timeMs`: since 1970. */
  take(packet: LoggedPacket, timeMs: number): void {
    if (packet.group !== undefined) {
      this.capture(packet, packet.group, timeMs);
      return;
    }
    if (!this.mayTell()) {
      this.unsaid++;
      return;
    }
    const { log, deviceName } = this.options;
    if (this.unsaid > 0) log.warn({ lines: this.unsaid }, 'rules logged more than is told');
    this.unsaid = 0;
    log[LEVELS[packet.level ?? 'warn']]({ nft: packet.prefix.trim() }, logLine(packet, deviceName));
  }

  private mayTell(): boolean {
    const now = this.now();
    this.tokens = Math.min(BURST, this.tokens + ((now - this.lastMs) / 1000) * PER_SECOND);
    this.lastMs = now;
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }

  private capture(packet: LoggedPacket, group: number, timeMs: number): void {
    const { pcapDir, deviceName } = this.options;
    if (pcapDir === undefined) return;
    let file = this.groups.get(group);
    if (file === undefined) {
      mkdirSync(pcapDir, { recursive: true });
      file = {
        writer: new PcapngWriter(fileSink(join(pcapDir, `nflog-${group}.pcapng`))),
        interfaces: new Map(),
      };
      this.groups.set(group, file);
    }
    const device = packet.in ?? packet.out ?? -1;
    const raw = packet.linkBytes === 0;
    const key = raw ? -2 - device : device;
    let id = file.interfaces.get(key);
    if (id === undefined) {
      const name = device < 0 ? 'none' : deviceName(device);
      id = raw ? file.writer.addInterface(name, LINKTYPE_RAW) : file.writer.addInterface(name);
      file.interfaces.set(key, id);
    }
    const seconds = Math.floor(timeMs / 1000);
    file.writer.write(id, seconds, Math.round((timeMs - seconds * 1000) * 1e6), packet.frame, {
      originalLength: packet.length,
      ...(packet.prefix !== '' && { comment: packet.prefix }),
    });
    file.writer.flush();
  }

  close(): void {
    this.stop?.();
    for (const { writer } of this.groups.values()) writer.close();
    this.groups.clear();
  }
}

const LOG_EXPRESSION = Buffer.from('log\0');

/** Has a transaction rules that log? */
function mentionsLog(batch: Uint8Array): boolean {
  return Buffer.from(batch.buffer, batch.byteOffset, batch.length).includes(LOG_EXPRESSION);
}

/** Listens when there are rules that log, and from then on. `loading`: rules that come later. */
export async function logRules(
  feed: TraceFeed,
  namespace: Namespace,
  { log, pcapDir }: { readonly log: RuleLogOptions['log']; readonly pcapDir?: string },
): Promise<{ readonly loading: (batch: Uint8Array) => void; close(): void }> {
  const names = new Map<number, string>();
  const learn = async () => {
    for (const { handle, name } of await namespace.links()) names.set(handle, name);
  };
  await learn();
  const rules = new RuleLog({
    log,
    deviceName: (handle) => names.get(handle) ?? `device ${handle}`,
    ...(pcapDir !== undefined && { pcapDir }),
  });
  if (mentionsLog(await dumpRuleset(namespace.nfnl))) rules.listen(feed);
  return {
    loading: (batch) => {
      if (!mentionsLog(batch)) return;
      rules.listen(feed);
      void learn().catch(() => {});
    },
    close: () => rules.close(),
  };
}
