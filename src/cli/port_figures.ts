/** A router's links as the live view and the summary want them; every figure is asked of the core when it is wanted. */
import type { Link } from '../net/link.js';
import type { LiveSource, PortSample, Sample } from './live_view.js';

/** Counted since the start. */
export interface PortTotals {
  readonly up: boolean;
  readonly rxFrames: number;
  readonly rxBytes: number;
  readonly txFrames: number;
  readonly txBytes: number;
  readonly rxErrors: number;
  readonly txErrors: number;
  readonly drops: Readonly<Record<string, number>>;
}

export class PortFigures implements LiveSource {
  constructor(private readonly links: readonly Link[]) {}

  async sample(): Promise<Sample> {
    const ports: PortSample[] = [];
    for (const link of this.links) ports.push({ name: link.name, ...(await totalsOf(link)) });
    return { nowMs: performance.now(), ports };
  }

  /** By port, and all drops together by reason. */
  async totals(): Promise<{ ports: Record<string, PortTotals>; drops: Record<string, number> }> {
    const ports: Record<string, PortTotals> = {};
    const drops: Record<string, number> = {};
    for (const link of this.links) {
      const totals = await totalsOf(link);
      ports[link.name] = totals;
      for (const [reason, count] of Object.entries(totals.drops))
        drops[reason] = (drops[reason] ?? 0) + count;
    }
    return { ports, drops };
  }
}

async function totalsOf(link: Link): Promise<PortTotals> {
  const { up, carrier } = await link.info();
  const stats = await link.stats();
  return {
    up: up && carrier,
    rxFrames: stats.rxPackets,
    rxBytes: stats.rxBytes,
    txFrames: stats.txPackets,
    txBytes: stats.txBytes,
    rxErrors: stats.rxErrors,
    txErrors: stats.txErrors,
    drops: stats.drops,
  };
}
