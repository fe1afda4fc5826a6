/**
 * The log: pino, to stderr. In a pipe one JSON object a line, with the level's name and ISO time; on a terminal
 *
 *   12:53:11.123 INFO  port comes up  port=lan0
 */
import pino, { type Logger } from 'pino';
import type { LogLevel } from './log_level.js';
import { paint } from './screen.js';

export interface LogOptions {
  readonly level: LogLevel;
  /** Lines for people instead of JSON. */
  readonly pretty: boolean;
  readonly color: boolean;
  readonly write: (text: string) => void;
}

export function makeLogger({ level, pretty, color, write }: LogOptions): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return pino(options, { write: (line: string) => write(pretty ? prettyLine(line, color) : line) });
}

const LEVEL_COLORS: Record<string, 'red' | 'yellow' | 'green' | 'dim'> = {
  fatal: 'red',
  error: 'red',
  warn: 'yellow',
  info: 'green',
};

/** One line of pino's JSON for people. What follows a stack trace stands below. */
export function prettyLine(json: string, color: boolean): string {
  const { level, time, msg, err, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const clock = String(time).slice(11, 23);
  const label = paint(String(level).toUpperCase().padEnd(5), LEVEL_COLORS[String(level)] ?? 'dim', color);
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${plain(value)}`);
  const tail = pairs.length > 0 ? `  ${paint(pairs.join(' '), 'dim', color)}` : '';
  return `${paint(clock, 'dim', color)} ${label} ${String(msg ?? '')}${tail}\n${errorText(err)}`;
}

function plain(value: unknown): string {
  return typeof value === 'string' && !/\s/.test(value) ? value : JSON.stringify(value);
}

function errorText(err: unknown): string {
  if (typeof err !== 'object' || err === null) return '';
  const { stack, message } = err as { stack?: unknown; message?: unknown };
  const text = String(stack ?? message ?? '');
  return text === '' ? '' : `    ${text.replaceAll('\n', '\n    ')}\n`;
}
