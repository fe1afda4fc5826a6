/**
 * What `ww` processes say to each other over a control socket: one line of JSON asks, one answers. Behind the answer to
 * `dump` frames follow:
 *
 *   u32 captured │ original │ seconds │ nanoseconds │ direction │ lost before │ bytes of the comment ││ frame │ comment
 *
 * A frame that the router dropped has the reason in its comment.
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export const FRAME_HEAD_BYTES = 28;
export const DIRECTION_IN = 1;
export const DIRECTION_OUT = 2;
export const DIRECTION_DROPPED = 3;

/** Frames and drops are shown, or only one of them. */
export type DumpShow = 'all' | 'frames' | 'drops';

export type ControlRequest =
  | { readonly ask: 'ports' }
  /** Names and indexes of all links: what rules refer to. */
  | { readonly ask: 'links' }
  /** One transaction of nf_tables: its netlink messages, in base64. */
  | { readonly ask: 'netfilter'; readonly batch: string }
  /** The ruleset: the messages of nf_tables' dumps (services/ruleset_dump). */
  | { readonly ask: 'ruleset' }
  | { readonly ask: 'dump'; readonly port: string; readonly filter: string; readonly show?: DumpShow };

export type ControlAnswer =
  | {
      readonly ok: true;
      readonly ports?: readonly string[];
      readonly links?: Readonly<Record<string, number>>;
      /** Netlink messages, in base64. */
      readonly ruleset?: string;
      /** Of the transaction: what failed, none when it is done. */
      readonly failed?: readonly {
        readonly seq: number;
        readonly error: number;
        readonly message?: string;
      }[];
    }
  | { readonly ok: false; readonly error: string };

/** Private to the user: that of the session, or for root that of the system. */
export function controlFolder(env: NodeJS.ProcessEnv = process.env): string | null {
  if (env.XDG_RUNTIME_DIR) return join(env.XDG_RUNTIME_DIR, 'wirewright');
  return process.getuid?.() === 0 ? '/run/wirewright' : null;
}

export function makeControlFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
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
