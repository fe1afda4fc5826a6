/**
 * Live figures per port, from two samples of counters:
 *
 *   port   link   rx fps  rx bit/s   tx fps  tx bit/s  drops
 *   lan0   up      1.20M     14.4G    1.19M     14.3G  -
 *   wan0   down        0         0        0         0  IP_INNOROUTES 1.2k, NEIGH_FAILED 3
 *
 * All functions here are pure; run.ts calls them by its clock.
 */
import { paint, type Style } from './screen.js';

export interface PortSample {
  readonly name: string;
  readonly up: boolean;
  /** Counted since the start, as the rest. */
  readonly rxFrames: number;
  readonly rxBytes: number;
  readonly txFrames: number;
  readonly txBytes: number;
  readonly drops: Readonly<Record<string, number>>;
}

export interface Sample {
  readonly nowMs: number;
  readonly ports: readonly PortSample[];
}

export interface LiveSource {
  sample(): Sample | Promise<Sample>;
}

export interface PortRates {
  readonly port: string;
  readonly up: boolean;
  readonly rxFps: number;
  readonly rxBps: number;
  readonly txFps: number;
  readonly txBps: number;
  /** Since the start, the most frequent first. */
  readonly drops: readonly (readonly [reason: string, count: number])[];
}

const DROPS_SHOWN = 3;

/** A port that the earlier sample does not know, or whose counters began anew, counts from zero. */
export function ratesBetween(before: Sample, after: Sample): PortRates[] {
  const seconds = (after.nowMs - before.nowMs) / 1000;
  return after.ports.map((port) => {
    const earlier = before.ports.find((candidate) => candidate.name === port.name);
    const rate = (key: 'rxFrames' | 'rxBytes' | 'txFrames' | 'txBytes') => {
      const delta = port[key] - (earlier?.[key] ?? 0);
      return seconds > 0 ? (delta < 0 ? port[key] : delta) / seconds : 0;
    };
    return {
      port: port.name,
      up: port.up,
      rxFps: rate('rxFrames'),
      rxBps: rate('rxBytes') * 8,
      txFps: rate('txFrames'),
      txBps: rate('txBytes') * 8,
      drops: Object.entries(port.drops)
        .filter(([, count]) => count > 0)
        .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)),
    };
  });
}

/** Three digits and a unit: 0, 7.5, 999, 1.20k, 14.4G. */
export function formatRate(value: number): string {
  for (const [scale, unit] of [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    // 999.6 would become "1000".
    if (value >= scale * 0.9995) return `${threeDigits(value / scale)}${unit}`;
  }
  if (value < 0.05) return '0';
  return value < 9.95 ? value.toFixed(1).replace(/\.0$/, '') : value.toFixed(0);
}

function threeDigits(value: number): string {
  return value < 9.995 ? value.toFixed(2) : value < 99.95 ? value.toFixed(1) : value.toFixed(0);
}

export function formatDrops(drops: PortRates['drops']): string {
  if (drops.length === 0) return '-';
  const shown = drops.slice(0, DROPS_SHOWN).map(([reason, count]) => `${reason} ${formatCount(count)}`);
  const more = drops.length - DROPS_SHOWN;
  return shown.join(', ') + (more > 0 ? `, ${more} more` : '');
}

function formatCount(count: number): string {
  return count < 1000 ? String(count) : formatRate(count);
}

interface Cell {
  readonly text: string;
  readonly style?: Style;
}

const HEADINGS = ['port', 'link', 'rx fps', 'rx bit/s', 'tx fps', 'tx bit/s', 'drops'];
/** Names to the left, figures to the right, the last column as it is. */
const ALIGN_LEFT = [true, true, false, false, false, false, true];
const GAP = 2;

/** The table as lines of at most `width` characters. */
export function renderTable(rates: readonly PortRates[], width: number, color: boolean): string[] {
  const rows: Cell[][] = [HEADINGS.map((text) => ({ text, style: 'dim' }))];
  for (const { port, up, rxFps, rxBps, txFps, txBps, drops } of rates) {
    rows.push([
      { text: port, style: 'bold' },
      up ? { text: 'up', style: 'green' } : { text: 'down', style: 'red' },
      ...[rxFps, rxBps, txFps, txBps].map((value) => ({ text: formatRate(value) })),
      drops.length > 0 ? { text: formatDrops(drops), style: 'yellow' } : { text: '-', style: 'dim' },
    ]);
  }
  // Figures keep 6 places, so that columns stand still while digits come and go.
  const widths = HEADINGS.map((_, column) => {
    const longest = Math.max(...rows.map((row) => row[column]!.text.length));
    return column === HEADINGS.length - 1 ? 0 : Math.max(longest, 6);
  });
  return rows.map((row) => renderRow(row, widths, width, color));
}

function renderRow(row: readonly Cell[], widths: readonly number[], width: number, color: boolean): string {
  let line = '';
  let used = 0;
  for (const [column, { text, style }] of row.entries()) {
    const last = column === row.length - 1;
    const pad = ' '.repeat(Math.max(0, widths[column]! - text.length));
    const gap = ' '.repeat(column === 0 ? 0 : GAP);
    const before = gap + (ALIGN_LEFT[column] ? '' : pad);
    const after = ALIGN_LEFT[column] && !last ? pad : '';
    const room = width - used - before.length;
    if (room <= 0) break;
    const cut = text.slice(0, room);
    line += before + (style ? paint(cut, style, color) : cut) + after.slice(0, room - cut.length);
    used += before.length + cut.length + after.length;
  }
  return line;
}
