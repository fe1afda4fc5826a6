/** Receive side scaling of a port with several receive queues: `ethtool -x`, `-X`. */
import { MsgType } from '../../assembly/abi/request.js';
import {
  RSS_CHANGE_HASH,
  RSS_CHANGE_KEY,
  RSS_CHANGE_TABLE,
  RSS_HASH_TCP4,
  RSS_HASH_TCP6,
  RSS_HASH_UDP4,
  RSS_HASH_UDP6,
  RSS_KEY_BYTES,
  RSS_TABLE_ENTRIES,
  RssRec,
} from '../../assembly/abi/rss.js';
import type { Core } from '../core/core.js';
import { NetError } from '../net_error.js';

const PROTOCOLS = { tcp4: RSS_HASH_TCP4, udp4: RSS_HASH_UDP4, tcp6: RSS_HASH_TCP6, udp6: RSS_HASH_UDP6 };
export type RssProtocol = keyof typeof PROTOCOLS;

export interface RssInfo {
  queues: number;
  /** Toeplitz key, 40 bytes. */
  key: Uint8Array;
  /** The queue by the lowest seven bits of the hash, 128 entries. */
  table: Uint8Array;
  /** Protocols whose ports are hashed, too. */
  ports: RssProtocol[];
}

export type RssChange = Partial<Omit<RssInfo, 'queues'>>;

/** Reads the settings, or changes some of them and reads all. EOPNOTSUPP where there is one queue. */
export async function requestRss(
  core: Core,
  net: number,
  ifindex: number,
  what: string,
  set?: RssChange,
): Promise<RssInfo> {
  if (set?.key !== undefined && set.key.length !== RSS_KEY_BYTES)
    throw new NetError('EINVAL', `${what}: the key has ${set.key.length} bytes, not ${RSS_KEY_BYTES}`);
  if (set?.table !== undefined && set.table.length !== RSS_TABLE_ENTRIES)
    throw new NetError(
      'EINVAL',
      `${what}: the table has ${set.table.length} entries, not ${RSS_TABLE_ENTRIES}`,
    );
  const fill = (view: DataView, at: number) => {
    const bytes = new Uint8Array(view.buffer, view.byteOffset + at, RssRec.SIZE);
    view.setUint32(at + RssRec.NET, net, true);
    view.setInt32(at + RssRec.IFINDEX, ifindex, true);
    let change = 0;
    if (set?.ports !== undefined) {
      change |= RSS_CHANGE_HASH;
      const bits = set.ports.reduce((sum, name) => sum | PROTOCOLS[name], 0);
      view.setUint32(at + RssRec.HASH, bits, true);
    }
    if (set?.key !== undefined) {
      change |= RSS_CHANGE_KEY;
      bytes.set(set.key, RssRec.KEY);
    }
    if (set?.table !== undefined) {
      change |= RSS_CHANGE_TABLE;
      bytes.set(set.table, RssRec.TABLE);
    }
    view.setUint32(at + RssRec.CHANGE, change, true);
  };
  const type = set === undefined ? MsgType.RSS_GET : MsgType.RSS_SET;
  const view = await core.request({ type, bytes: RssRec.SIZE, fill }, what);
  const slice = (from: number, bytes: number) =>
    new Uint8Array(view.buffer, view.byteOffset + from, bytes).slice();
  const hash = view.getUint32(RssRec.HASH, true);
  return {
    queues: view.getUint32(RssRec.QUEUES, true),
    key: slice(RssRec.KEY, RSS_KEY_BYTES),
    table: slice(RssRec.TABLE, RSS_TABLE_ENTRIES),
    ports: (Object.keys(PROTOCOLS) as RssProtocol[]).filter((name) => (hash & PROTOCOLS[name]) !== 0),
  };
}
