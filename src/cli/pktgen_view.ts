/**
 * The figures of `ww pktgen`: live, between two samples, and of the whole run.
 *
 *   stream  way      tx Mpps  tx Gbit/s  rx Mpps  rx Gbit/s  lost       reord  dup  bad  p50     p99     max
 *   1       p0 > p1    1.000      0.672    1.000      0.672  0 0%           0    0    0  12.3us  40.1us  1.20ms
 */
import type { RxFigures, TxFigures } from '../net/pktgen.js';
import { rateText } from './pktgen_options.js';
import type { RigFigures, StreamFigures } from './pktgen_rig.js';
import type { StreamSpec } from '../net/pktgen.js';
import type { LiveFrame } from './run.js';
import { paint } from './screen.js';

/** FCS of a frame, which the core does not count. */
const FCS = 4;

export interface StreamRates {
  readonly id: number;
  readonly way: string;
  readonly txPps: number;
  readonly txBps: number;
  readonly rxPps: number;
  readonly rxBps: number;
  readonly figures: StreamFigures;
}

const none: Pick<TxFigures, 'packets' | 'bytes'> = { packets: 0, bytes: 0 };

const bits = ({ packets, bytes }: Pick<TxFigures, 'packets' | 'bytes'>) => (bytes + packets * FCS) * 8;

export function ratesOf(before: RigFigures | null, after: RigFigures): StreamRates[] {
  const seconds = before === null ? 0 : (after.nowMs - before.nowMs) / 1000;
  const per = (now: number, then: number) => (seconds > 0 ? Math.max(0, now - then) / seconds : 0);
  return after.streams.map((figures) => {
    const { id, way, tx, rx } = figures;
    const earlier = before?.streams.find((stream) => stream.id === id && stream.way === way);
    const [tx0, rx0] = [earlier?.tx ?? none, earlier?.rx ?? none];
    const [tx1, rx1] = [tx ?? none, rx ?? none];
    return {
      id,
      way,
      figures,
      txPps: per(tx1.packets, tx0.packets),
      txBps: per(bits(tx1), bits(tx0)),
      rxPps: per(rx1.packets, rx0.packets),
      rxBps: per(bits(rx1), bits(rx0)),
    };
  });
}

/** While frames are under way only what is overtaken is known to be lost; at the end, all that did not come. */
export function lostOf({ tx, rx, counted }: StreamFigures, ended: boolean): number {
  if (ended && tx !== null && counted) return Math.max(0, tx.packets - (rx?.unique ?? 0));
  return rx?.lost ?? 0;
}

function lossPercent(figures: StreamFigures, ended: boolean): number {
  const lost = lostOf(figures, ended);
  const sent = ended && figures.tx !== null ? figures.tx.packets : lost + (figures.rx?.unique ?? 0);
  return sent === 0 ? 0 : (lost / sent) * 100;
}

export function timeText(ns: number): string {
  if (ns < 1000) return `${ns}ns`;
  if (ns < 1e6) return `${(ns / 1e3).toPrecision(3)}us`;
  if (ns < 1e9) return `${(ns / 1e6).toPrecision(3)}ms`;
  return `${(ns / 1e9).toPrecision(3)}s`;
}

export function percentText(percent: number): string {
  if (percent === 0) return '0%';
  return percent < 0.0001 ? '<0.0001%' : `${Number(percent.toPrecision(3))}%`;
}

const HEADINGS = [
  'stream',
  'way',
  'tx Mpps',
  'tx Gbit/s',
  'rx Mpps',
  'rx Gbit/s',
  'lost',
  'loss',
  'reord',
  'dup',
  'bad',
  'p50',
  'p99',
  'max',
];
const LEFT = 2;
/** Share of the frames due that were not sent from which on it is told. */
const MISSED_TOLD = 0.001;

function cells({ id, way, txPps, txBps, rxPps, rxBps, figures }: StreamRates, ended: boolean): string[] {
  const { tx, rx } = figures;
  const rates = (there: boolean, pps: number, bps: number) =>
    there ? [(pps / 1e6).toFixed(3), (bps / 1e9).toFixed(3)] : ['-', '-'];
  const latency = rx === null || rx.latency.count === 0 ? null : rx.latency;
  return [
    String(id),
    way,
    ...rates(tx !== null, txPps, txBps),
    ...rates(rx !== null, rxPps, rxBps),
    String(lostOf(figures, ended)),
    percentText(lossPercent(figures, ended)),
    String(rx?.reordered ?? 0),
    String(rx?.duplicated ?? 0),
    String(rx?.corrupted ?? 0),
    ...(latency === null ? ['-', '-', '-'] : [latency.p50, latency.p99, latency.max].map(timeText)),
  ];
}

function table(rates: readonly StreamRates[], ended: boolean): string[] {
  const rows = [HEADINGS, ...rates.map((rate) => cells(rate, ended))];
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((text, column) => (column < LEFT ? text.padEnd(widths[column]!) : text.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
}

export function liveFrame(before: RigFigures | null, after: RigFigures): LiveFrame {
  const rates = ratesOf(before, after);
  return {
    lines: (columns, color) =>
      rates.length === 0
        ? ['no frames of a generator yet']
        : table(rates, false).map((line, i) =>
            paint(line.slice(0, columns), i === 0 ? 'dim' : 'bold', color),
          ),
    log: () =>
      rates.map(({ id, way, txPps, txBps, rxPps, rxBps, figures }) => [
        'stream',
        {
          id,
          way,
          txPps: Math.round(txPps),
          txBps: Math.round(txBps),
          rxPps: Math.round(rxPps),
          rxBps: Math.round(rxBps),
          lost: lostOf(figures, false),
          ...(figures.rx !== null && { p50Ns: figures.rx.latency.p50, p99Ns: figures.rx.latency.p99 }),
        },
      ]),
  };
}

export interface StreamSummary {
  readonly id: number;
  readonly way: string;
  readonly proto?: string;
  readonly rate?: string;
  readonly tx:
    | (Pick<TxFigures, 'packets' | 'bytes' | 'missed' | 'busy' | 'nomem' | 'errors'> & Speeds)
    | null;
  readonly rx: (Omit<RxFigures, 'id' | 'lost' | 'latency' | 'firstNs' | 'lastNs' | 'run'> & Speeds) | null;
  readonly lost: number;
  readonly lossPercent: number;
  readonly latencyNs: RxFigures['latency'] | null;
}
interface Speeds {
  readonly pps: number;
  readonly bps: number;
}

export interface RunSummary {
  readonly streams: readonly StreamSummary[];
  readonly total: {
    readonly sent: number;
    readonly received: number;
    readonly lost: number;
    readonly corrupted: number;
  };
  /** Frames without a signature. */
  readonly otherFrames: number;
}

function speeds(counts: Pick<TxFigures, 'packets' | 'bytes'>, firstNs: number, lastNs: number): Speeds {
  // From the first frame to the last there is one interval less than frames.
  const seconds = (lastNs - firstNs) / 1e9;
  if (seconds <= 0 || counts.packets < 2) return { pps: 0, bps: 0 };
  const scale = (counts.packets - 1) / counts.packets / seconds;
  return { pps: Math.round(counts.packets * scale), bps: Math.round(bits(counts) * scale) };
}

export function summarise(figures: RigFigures, specs: readonly StreamSpec[]): RunSummary {
  const streams = figures.streams.map((stream): StreamSummary => {
    const { id, way, tx, rx } = stream;
    const spec = specs.find((candidate) => candidate.id === id);
    const { packets = 0, bytes = 0, missed = 0, busy = 0, nomem = 0, errors = 0 } = tx ?? {};
    return {
      id,
      way,
      ...(tx !== null && spec !== undefined && { proto: spec.proto, rate: rateText(spec.rate) }),
      tx: tx && { packets, bytes, missed, busy, nomem, errors, ...speeds(tx, tx.startedNs, tx.lastNs) },
      rx: rx && rxSummary(rx),
      lost: lostOf(stream, true),
      lossPercent: lossPercent(stream, true),
      latencyNs: rx === null || rx.latency.count + rx.latency.invalid === 0 ? null : rx.latency,
    };
  });
  const sum = (of: (stream: StreamSummary) => number) => streams.reduce((all, stream) => all + of(stream), 0);
  return {
    streams,
    total: {
      sent: sum(({ tx }) => tx?.packets ?? 0),
      received: sum(({ rx }) => rx?.unique ?? 0),
      lost: sum(({ lost }) => lost),
      corrupted: figures.sinks.reduce((all, { corrupted }) => all + corrupted, 0),
    },
    otherFrames: figures.sinks.reduce((all, { others }) => all + others, 0),
  };
}

function rxSummary(rx: RxFigures): StreamSummary['rx'] {
  const { packets, bytes, unique, reordered, duplicated, late, corrupted, reorderExtent, runs } = rx;
  const counts = { packets, bytes, unique, reordered, duplicated, late, corrupted, reorderExtent, runs };
  return { ...counts, ...speeds(rx, rx.firstNs, rx.lastNs) };
}

/** For people, at the end. */
export function summaryText(figures: RigFigures, specs: readonly StreamSpec[]): string {
  const { streams, total } = summarise(figures, specs);
  const rates = figures.streams.map((stream, i): StreamRates => {
    const { tx, rx } = streams[i]!;
    return {
      id: stream.id,
      way: stream.way,
      figures: stream,
      txPps: tx?.pps ?? 0,
      txBps: tx?.bps ?? 0,
      rxPps: rx?.pps ?? 0,
      rxBps: rx?.bps ?? 0,
    };
  });
  const said = `${total.sent} sent, ${total.received} received, ${total.lost} lost, ${total.corrupted} damaged`;
  return `${rates.length === 0 ? '' : `${table(rates, true).join('\n')}\n`}${missedText(streams)}${said}\n`;
}

/** The rate that was asked for was not kept: whoever reads the figures has to know. */
function missedText(streams: readonly StreamSummary[]): string {
  const sum = (of: (stream: StreamSummary) => number) => streams.reduce((all, stream) => all + of(stream), 0);
  const missed = sum(({ tx }) => tx?.missed ?? 0);
  const due = missed + sum(({ tx }) => tx?.packets ?? 0);
  if (missed <= due * MISSED_TOLD) return '';
  return `${missed} more were due, this machine was too late for them; --burst N lets it catch up with N at once\n`;
}
