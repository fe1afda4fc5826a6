/** A LinkRec as it is told: of every device the same, then what its kind and its master's have to say. */
import { Port } from '../abi/layout';
import { PortData } from '../abi/link_data';
import { LinkRec } from '../abi/request';
import { DevKind, IFNAMSIZ, NetDevice, devAddrPtr, devFlags, devNamePtr } from '../dev/net_device';
import { bondFill, bondSlaveFill } from './link_bond';
import { macvlanFill } from './link_macvlan';
import { vethFill } from './link_veth';
import { vlanFill } from './link_vlan';
import { vrfFill } from './link_vrf';

const DATA_BYTES: u32 = LinkRec.SIZE - LinkRec.DATA;

export function fillLink(dev: NetDevice, rec: usize): void {
  store<u32>(rec, dev.net.handle, LinkRec.NET);
  store<i32>(rec, dev.ifindex, LinkRec.IFINDEX);
  store<u32>(rec, dev.handle, LinkRec.HANDLE);
  store<u32>(rec, devFlags(dev), LinkRec.FLAGS);
  store<u32>(rec, dev.mtu, LinkRec.MTU);
  store<u16>(rec, dev.type, LinkRec.TYPE);
  store<u8>(rec, dev.kind, LinkRec.KIND);
  store<u8>(rec, dev.carrier, LinkRec.CARRIER);
  store<u32>(rec, dev.features, LinkRec.FEATURES);
  memory.copy(rec + LinkRec.MAC, devAddrPtr(dev), 6);
  memory.copy(rec + LinkRec.NAME, devNamePtr(dev), IFNAMSIZ);
  store<u32>(rec, dev.txQueueLen, LinkRec.TXQLEN);
  store<u32>(rec, dev.kind === DevKind.PORT ? dev.priv : 0, LinkRec.PORT);
  store<i32>(rec, dev.lower === 0 ? 0 : changetype<NetDevice>(dev.lower).ifindex, LinkRec.LINK);
  store<i32>(rec, dev.upper === 0 ? 0 : changetype<NetDevice>(dev.upper).ifindex, LinkRec.MASTER);
  store<u32>(rec, dev.promiscuity, LinkRec.PROMISCUITY);
  memory.fill(rec + LinkRec.DATA, 0, DATA_BYTES);
  kindFill(dev, rec);
  if (dev.upper !== 0) slaveFill(dev, rec);
}

/** The kind's own part. */
function kindFill(dev: NetDevice, rec: usize): void {
  switch (<u32>dev.kind) {
    case DevKind.PORT:
      if (dev.priv !== 0)
        store<u32>(rec + LinkRec.DATA, load<u32>(dev.priv, Port.RX_QUEUES), PortData.QUEUES);
      break;
    case DevKind.VETH:
      vethFill(dev, rec);
      break;
    case DevKind.VLAN:
      vlanFill(dev, rec + LinkRec.DATA);
      break;
    case DevKind.BOND:
      bondFill(dev, rec + LinkRec.DATA);
      break;
    case DevKind.MACVLAN:
      macvlanFill(dev, rec + LinkRec.DATA);
      break;
    case DevKind.VRF:
      vrfFill(dev, rec + LinkRec.DATA);
      break;
  }
}

/** What the device has as a port, by the kind of its master. */
function slaveFill(port: NetDevice, rec: usize): void {
  switch (<u32>changetype<NetDevice>(port.upper).kind) {
    case DevKind.BOND:
      if (port.rxHandlerData !== 0) bondSlaveFill(port, rec + LinkRec.SLAVE_DATA);
      break;
    case DevKind.VRF:
      vrfFill(port, rec + LinkRec.SLAVE_DATA);
      break;
  }
}
