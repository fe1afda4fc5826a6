/**
 * Connection tracking of a namespace: asked for, counted. What is tracked is dumped, changed and deleted by ctnetlink
 * messages (src/netlink/ctnetlink.ts).
 */
import { CtEnableRec, CtStatsRec } from '../../assembly/abi/nf_conntrack.js';
import { MsgType } from '../../assembly/abi/request.js';
import type { Core } from '../core/core.js';

/** Counters since tracking began. Linux: struct ip_conntrack_stat, `conntrack -S`. */
export interface ConntrackStats {
  count: number;
  found: number;
  invalid: number;
  insert: number;
  insertFailed: number;
  clashResolve: number;
  drop: number;
  earlyDrop: number;
  error: number;
  expectNew: number;
  expectCreate: number;
  expectDelete: number;
  searchRestart: number;
  chaintoolong: number;
}

const STATS = [
  'found',
  'invalid',
  'insert',
  'insertFailed',
  'clashResolve',
  'drop',
  'earlyDrop',
  'error',
  'expectNew',
  'expectCreate',
  'expectDelete',
  'searchRestart',
  'chaintoolong',
] as const;

/** 0: both families. */
export type ConntrackFamily = 0 | 2 | 10;

export class Conntrack {
  constructor(
    private readonly core: Core,
    private readonly net: number,
  ) {}

  /** Connections of the family are tracked, whether or not a ruleset asks for it. */
  enable(family: ConntrackFamily = 0): Promise<void> {
    return this.ask(family, 1);
  }

  /** Takes one enable() back. */
  disable(family: ConntrackFamily = 0): Promise<void> {
    return this.ask(family, 0);
  }

  private async ask(family: ConntrackFamily, on: number): Promise<void> {
    await this.core.request(
      {
        type: MsgType.CT_ENABLE,
        bytes: CtEnableRec.SIZE,
        fill: (v, at) => {
          v.setUint32(at + CtEnableRec.NET, this.net, true);
          v.setUint32(at + CtEnableRec.FAMILY, family, true);
          v.setUint32(at + CtEnableRec.ON, on, true);
        },
      },
      'conntrack',
    );
  }

  async stats(): Promise<ConntrackStats> {
    const view = await this.core.request(
      {
        type: MsgType.CT_STATS,
        bytes: CtStatsRec.SIZE,
        fill: (v, at) => v.setUint32(at + CtStatsRec.NET, this.net, true),
      },
      'conntrack statistics',
    );
    const values = STATS.map((name, i) => [name, view.getUint32(CtStatsRec.VALUES + i * 4, true)] as const);
    return {
      count: view.getUint32(CtStatsRec.COUNT, true),
      ...(Object.fromEntries(values) as Record<(typeof STATS)[number], number>),
    };
  }
}
