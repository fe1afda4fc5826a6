/** CT_*: connection tracking asked for by the host, and its figures (abi/nf_conntrack). */
import { CtEnableRec, CtStatsRec } from '../abi/nf_conntrack';
import { MsgType } from '../abi/request';
import { Errno } from '../net/errno';
import { NFPROTO_IPV4, NFPROTO_IPV6 } from '../net/hooks';
import { AF_INET, AF_INET6, Net, netByHandle } from '../net/net';
import { NfCtStat, nfCtNet } from '../netfilter/nf_conntrack';
import { nfCtGetFamilies, nfCtNetnsPut } from '../netfilter/nf_conntrack_init';

export function requestConntrack(type: u32, body: usize, len: u32): i32 {
  if (len < <u32>CtEnableRec.SIZE) return -Errno.EINVAL;
  const net = netByHandle(load<u32>(body, CtEnableRec.NET));
  if (net === null) return -Errno.ENOENT;
  if (type === <u32>MsgType.CT_ENABLE) return enable(net, body);
  if (type === <u32>MsgType.CT_STATS) return stats(net, body, len);
  return -Errno.EOPNOTSUPP;
}

function enable(net: Net, body: usize): i32 {
  const family = load<u32>(body, CtEnableRec.FAMILY);
  const v4 = family !== AF_INET6;
  const v6 = family !== AF_INET;
  if (load<u32>(body, CtEnableRec.ON) !== 0) return nfCtGetFamilies(net, v4, v6);
  if (v4) nfCtNetnsPut(net, NFPROTO_IPV4);
  if (v6) nfCtNetnsPut(net, NFPROTO_IPV6);
  return 0;
}

function stats(net: Net, body: usize, len: u32): i32 {
  if (len < <u32>CtStatsRec.SIZE) return -Errno.EINVAL;
  if (net.ct === 0) return 0;
  store<u32>(body, nfCtNet(net).count, CtStatsRec.COUNT);
  memory.copy(body + CtStatsRec.VALUES, nfCtNet(net).stats, NfCtStat.MAX << 2);
  return 0;
}
