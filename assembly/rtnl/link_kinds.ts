/** The kinds of links: what makes one, what changes what it has of its own. link_fill tells it, Ndo.UNINIT ends it. */
import { LinkRec } from '../abi/request';
import { DevKind, NetDevice } from '../dev/net_device';
import { Errno } from '../net/errno';
import { Net } from '../net/net';
import { bondChange, bondNew } from './link_bond';
import { bridgeNew } from './link_bridge';
import { dummyNew } from './link_dummy';
import { macvlanChange, macvlanNew } from './link_macvlan';
import { portNew } from './link_port';
import { vethNew } from './link_veth';
import { vlanChange, vlanNew } from './link_vlan';
import { vrfNew } from './link_vrf';

export function linkKindNew(net: Net, body: usize): i32 {
  switch (<u32>load<u8>(body, LinkRec.KIND)) {
    case DevKind.PORT:
      return portNew(net, body);
    case DevKind.VETH:
      return vethNew(net, body);
    case DevKind.DUMMY:
      return dummyNew(net, body);
    case DevKind.VLAN:
      return vlanNew(net, body);
    case DevKind.BRIDGE:
      return bridgeNew(net, body);
    case DevKind.MACVLAN:
      return macvlanNew(net, body);
    case DevKind.BOND:
      return bondNew(net, body);
    case DevKind.VRF:
      return vrfNew(net, body);
    default:
      return -Errno.EOPNOTSUPP;
  }
}

/** LINK_SET with LINK_SET_DATA. */
export function linkKindSet(dev: NetDevice, data: usize): i32 {
  switch (<u32>dev.kind) {
    case DevKind.VLAN:
      return vlanChange(dev, data);
    case DevKind.MACVLAN:
      return macvlanChange(dev, data);
    case DevKind.BOND:
      return bondChange(dev, data);
    default:
      return -Errno.EOPNOTSUPP;
  }
}

/** LINK_SET with LINK_SET_SLAVE_DATA: of a port, by the kind of its master. */
export function linkSlaveSet(port: NetDevice, _data: usize): i32 {
  if (port.upper === 0) return -Errno.EINVAL;
  switch (<u32>changetype<NetDevice>(port.upper).kind) {
    default:
      return -Errno.EOPNOTSUPP;
  }
}
