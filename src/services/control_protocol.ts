/**
 * What `ww` processes say to each other over a control socket: one line of JSON asks, one answers. Behind the answer to
 * `dump` frames follow:
 *
 *   u32 captured │ original │ seconds │ nanoseconds │ direction │ lost before │ bytes of the comment ││ frame │ comment
 *
 * A frame that the router dropped has the reason in its comment.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { JitMode } from '../core/jit/emit_chain.js';
import type { ChainReport } from '../core/jit/nft_jit.js';

export const FRAME_HEAD_BYTES = 28;
export const DIRECTION_IN = 1;
export const DIRECTION_OUT = 2;
export const DIRECTION_DROPPED = 3;

/** Frames and drops are shown, or only one of them. */
export type DumpShow = 'all' | 'frames' | 'drops';

/** Whose notifications: those of nf_tables, or of connection tracking. */
export type NetfilterEvents = 'nftables' | 'conntrack';

/** What runs for the chains of a ruleset: generated code or the interpreter. */
export interface BuiltCode {
  /** --jit */
  readonly mode: 'off' | JitMode;
  readonly chains: readonly ChainReport[];
}

export type ControlRequest =
  | { readonly ask: 'ports' }
  /** Names and indexes of all links: what rules refer to. */
  | { readonly ask: 'links' }
  /** One transaction of nf_tables: its netlink messages, in base64. `echo`: what became of it is told, too. */
  | { readonly ask: 'netfilter'; readonly batch: string; readonly echo?: boolean }
  /** The ruleset: the messages of nf_tables' dumps (services/ruleset_dump), or without the elements of sets. */
  | { readonly ask: 'ruleset'; readonly elements?: boolean }
  /** One message of nfnetlink that asks or, of conntrack, changes: in base64. A dump is answered whole. */
  | { readonly ask: 'nfnetlink'; readonly message: string }
  /** What happens to the ruleset, or to connections: netlink messages behind the answer until the socket closes. */
  | { readonly ask: 'events'; readonly of: NetfilterEvents }
  /** What the chains of rules were made into. */
  | { readonly ask: 'built' }
  | { readonly ask: 'dump'; readonly port: string; readonly filter: string; readonly show?: DumpShow };

export type ControlAnswer =
  | {
      readonly ok: true;
      readonly ports?: readonly string[];
      readonly links?: Readonly<Record<string, number>>;
      /** Netlink messages, in base64. */
      readonly ruleset?: string;
      readonly built?: BuiltCode;
      /** The answer to a message, or what a transaction made known; in base64. */
      readonly messages?: string;
      /** Of the transaction: what failed, none when it is done. */
      readonly failed?: readonly {
        readonly seq: number;
        readonly error: number;
        readonly message?: string;
        /** Of the attribute that is wrong, in the message. */
        readonly offset?: number;
      }[];
    }
  /** `code`: an errno by its name. */
  | { readonly ok: false; readonly error: string; readonly code?: string };

/** Private to the user: that of the session, or for root that of the system. */
export function controlFolder(env: NodeJS.ProcessEnv = process.env): string | null {
  if (env.XDG_RUNTIME_DIR) return join(env.XDG_RUNTIME_DIR, 'wirewright');
  return process.getuid?.() === 0 ? '/run/wirewright' : null;
}

/** Makes it where it is missing, and takes away what processes left there that were killed: PID.sock, PID.nft. */
export function makeControlFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(folder)) {
    const pid = /^(\d+)\.(?:sock|nft)$/.exec(name)?.[1];
    if (pid !== undefined && !alive(Number(pid))) rmSync(join(folder, name), { force: true });
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export function controlPath(folder: string, pid: number): string {
  return join(folder, `${pid}.sock`);
}

/** Processes of this user that have a socket; some of them may have ended since. */
export function controlPids(folder: string): number[] {
  try {
    return readdirSync(folder)
      .flatMap((name) => /^(\d+)\.sock$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  } catch {
    return [];
  }
}
