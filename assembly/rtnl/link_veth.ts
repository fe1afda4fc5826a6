/** veth pairs. */
import { LinkRec } from '../abi/request';
import { NetDevice, freeNetdev, notifyLink, registerNetdev, unregisterNetdev } from '../dev/net_device';
import { vethCreate, vethPair } from '../dev/veth';
import { Errno } from '../net/errno';
import { Net, netByHandle } from '../net/net';
import { MAC_MASK, configure } from './link_conf';
import { fillLink } from './link_fill';

export function vethNew(net: Net, body: usize): i32 {
  const peerNet = netByHandle(load<u32>(body, LinkRec.PEER_NET));
  if (peerNet === null) return -Errno.ENOENT;
  const a = vethCreate(net);
  const b = vethCreate(peerNet);
  let err = a === null || b === null ? -Errno.ENOMEM : 0;
  if (a !== null && b !== null) {
    err = configure(a, body + LinkRec.NAME, load<u64>(body, LinkRec.MAC) & MAC_MASK, body);
    if (err === 0)
      err = configure(b, body + LinkRec.PEER_NAME, load<u64>(body, LinkRec.PEER_MAC) & MAC_MASK, body);
    if (err === 0 && a.net === b.net && a.name0 === b.name0 && a.name1 === b.name1) err = -Errno.EEXIST;
    if (err === 0 && !registerNetdev(a)) err = -Errno.ENFILE;
    if (err === 0 && !registerNetdev(b)) {
      unregisterNetdev(a);
      err = -Errno.ENFILE;
    }
  }
  if (err !== 0 || a === null || b === null) {
    if (a !== null) freeNetdev(a);
    if (b !== null) freeNetdev(b);
    return err;
  }
  vethPair(a, b);
  fillLink(a, body);
  notifyLink(a, false);
  notifyLink(b, false);
  return 0;
}

/** Namespace and ifindex of the other end. */
export function vethFill(dev: NetDevice, rec: usize): void {
  if (dev.priv === 0) return;
  const peer = changetype<NetDevice>(dev.priv);
  store<u32>(rec, peer.net.handle, LinkRec.PEER_NET);
  store<i32>(rec, peer.ifindex, LinkRec.PEER_IFINDEX);
}
