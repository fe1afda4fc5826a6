/** A router's links as the live view and the summary want them; every figure is asked of the core when it is wanted. */
import type { FaultCounters } from '../drivers/fault_lane.js';
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
  /** What the port's faults did, each way. */
  readonly faults?: FaultTotals;
}

export interface FaultTotals {
  readonly rx: Readonly<FaultCounters>;
  readonly tx: Readonly<FaultCounters>;
}

export class PortFigures implements LiveSource {
  /** `faults`: by the link's name, of those that have some. */
  constructor(
    private readonly links: readonly Link[],
    private readonly faults: ReadonlyMap<string, () => FaultTotals> = new Map(),
  ) {}

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
      const faults = this.faults.get(link.name)?.();
      ports[link.name] = faults === undefined ? totals : { ...totals, faults };
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
