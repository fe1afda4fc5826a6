/** Ports: devices whose frames a driver of the host moves. */
import { Status } from '../abi/layout';
import { PortData } from '../abi/link_data';
import { LinkRec } from '../abi/request';
import { RX_QUEUES_MAX } from '../abi/rss';
import { DevKind, NetDevice, allocNetdev, freeNetdev, notifyLink, registerNetdev } from '../dev/net_device';
import { portSetup, portTeardown } from '../dev/port';
import { tpacketDetach } from '../dev/tpacket';
import { root } from '../lib/root';
import { Errno } from '../net/errno';
import { Net } from '../net/net';
import { pfifoFastAttach, qdiscDestroy } from '../sched/sch_pfifo_fast';
import { MAC_MASK, configure } from './link_conf';
import { fillLink } from './link_fill';

const RING_MAX: u32 = 4096;

function ringSizeOk(entries: u32): bool {
  return entries >= 2 && entries <= RING_MAX && (entries & (entries - 1)) === 0;
}

export function portNew(net: Net, body: usize): i32 {
  const entries = load<u32>(body, LinkRec.RING_ENTRIES);
  const vnet = load<u32>(body, LinkRec.VNET_HDR_LEN);
  const asked = load<u32>(body, LinkRec.RX_ENTRIES);
  const rxEntries = asked === 0 ? entries : asked;
  if (!ringSizeOk(entries) || !ringSizeOk(rxEntries)) return -Errno.EINVAL;
  if (vnet !== 0 && vnet !== 10 && vnet !== 12) return -Errno.EINVAL;
  const queues = load<u32>(body + LinkRec.DATA, PortData.QUEUES);
  if (queues > RX_QUEUES_MAX) return -Errno.EINVAL;
  const dev = allocNetdev(net, DevKind.PORT);
  if (dev === null) return -Errno.ENOMEM;
  let err = configure(dev, body + LinkRec.NAME, load<u64>(body, LinkRec.MAC) & MAC_MASK, body);
  if (err === 0) {
    dev.features = load<u32>(body, LinkRec.FEATURES);
    const large = load<u32>(body, LinkRec.LARGE) !== 0;
    if (!portSetup(dev, rxEntries, entries, vnet, large, max(queues, 1))) err = -Errno.ENOMEM;
    else if (!pfifoFastAttach(dev)) err = -Errno.ENOMEM;
    else if (!registerNetdev(dev)) err = -Errno.ENFILE;
  }
  if (err !== 0) {
    qdiscDestroy(dev);
    portTeardown(dev);
    freeNetdev(dev);
    return err;
  }
  const table = load<u32>(root().statusBlock, Status.PORT_TABLE);
  store<u32>(table + (dev.handle << 2), dev.priv);
  fillLink(dev, body);
  notifyLink(dev, false);
  return 0;
}

/** The rings go; the driver has let go of them. */
export function portUninit(dev: NetDevice): void {
  const table = load<u32>(root().statusBlock, Status.PORT_TABLE);
  store<u32>(table + (dev.handle << 2), 0);
  tpacketDetach(dev);
  portTeardown(dev);
}
