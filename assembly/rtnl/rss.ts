/** RSS_*: `ethtool -x` and `-X`. Linux: net/ethtool/rss.c. */
import { Port } from '../abi/layout';
import { MsgType } from '../abi/request';
import {
  RSS_CHANGE_HASH,
  RSS_CHANGE_KEY,
  RSS_CHANGE_TABLE,
  RSS_HASH_ALL,
  RSS_KEY_BYTES,
  RSS_TABLE_ENTRIES,
  RssRec,
} from '../abi/rss';
import { devGetByIndex, devIsPort } from '../dev/net_device';
import { Rss, rssKey, rssTable } from '../dev/rss';
import { Errno } from '../net/errno';
import { netByHandle } from '../net/net';

export function requestRss(type: u32, body: usize, len: u32): i32 {
  if (len < <u32>RssRec.SIZE) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, RssRec.NET));
  if (net === null) return -Errno.ENOENT;
  const dev = devGetByIndex(net, load<i32>(body, RssRec.IFINDEX));
  if (dev === null) return -Errno.ENODEV;
  const p: usize = devIsPort(dev) && dev.priv !== 0 ? load<u32>(dev.priv, Port.RSS) : 0;
  if (p === 0) return -Errno.EOPNOTSUPP;
  const rss = changetype<Rss>(p);
  if (type === <u32>MsgType.RSS_SET) {
    const err = rssSet(rss, body);
    if (err !== 0) return err;
  }
  store<u32>(body, rss.queues, RssRec.QUEUES);
  store<u32>(body, rss.hash, RssRec.HASH);
  memory.copy(body + RssRec.KEY, rssKey(rss), RSS_KEY_BYTES);
  memory.copy(body + RssRec.TABLE, rssTable(rss), RSS_TABLE_ENTRIES);
  return 0;
}

/** All that is asked for, or nothing. */
function rssSet(rss: Rss, body: usize): i32 {
  const change = load<u32>(body, RssRec.CHANGE);
  const hash = load<u32>(body, RssRec.HASH);
  if ((change & RSS_CHANGE_HASH) !== 0 && (hash & ~RSS_HASH_ALL) !== 0) return -Errno.EINVAL;
  if ((change & RSS_CHANGE_TABLE) !== 0) {
    for (let i: u32 = 0; i < RSS_TABLE_ENTRIES; i++) {
      if (<u32>load<u8>(body + RssRec.TABLE + i) >= rss.queues) return -Errno.EINVAL;
    }
    memory.copy(rssTable(rss), body + RssRec.TABLE, RSS_TABLE_ENTRIES);
  }
  if ((change & RSS_CHANGE_HASH) !== 0) rss.hash = hash;
  if ((change & RSS_CHANGE_KEY) !== 0) memory.copy(rssKey(rss), body + RssRec.KEY, RSS_KEY_BYTES);
  return 0;
}
