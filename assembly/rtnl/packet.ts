/** PACKET_*, FOREIGN_*: rings of ports that lie in the foreign window. */
import { MsgType } from '../abi/request';
import { Port } from '../abi/layout';
import { PacketRingRec } from '../abi/packet';
import { devByHandle, devIsPort } from '../dev/net_device';
import { tpacketAttach, tpacketDetach } from '../dev/tpacket';
import { Errno } from '../net/errno';
import { foreignOrphanAll } from '../skb/foreign';

export function requestPacket(type: u32, body: usize, len: u32): i32 {
  if (type === <u32>MsgType.FOREIGN_ORPHAN) return foreignOrphanAll(0, 0xffffffff) === 0 ? 0 : -Errno.ENOMEM;
  if (len < <u32>PacketRingRec.SIZE) return -Errno.EINVAL;
  const dev = devByHandle(load<u32>(body, PacketRingRec.HANDLE));
  if (dev === null || !devIsPort(dev) || dev.priv === 0) return -Errno.ENODEV;
  if (type === <u32>MsgType.PACKET_RING_DEL) {
    tpacketDetach(dev);
    return 0;
  }
  if (type !== <u32>MsgType.PACKET_RING_NEW) return -Errno.EOPNOTSUPP;
  const err = tpacketAttach(
    dev,
    load<u32>(body, PacketRingRec.BASE),
    load<u32>(body, PacketRingRec.BLOCKS),
    load<u32>(body, PacketRingRec.BLOCK_BYTES),
    load<u32>(body, PacketRingRec.FRAME_BYTES),
    load<u32>(body, PacketRingRec.VNET_HDR_LEN),
  );
  if (err === 0) store<u32>(body, load<u32>(dev.priv, Port.RX_MAP), PacketRingRec.RING);
  return err;
}
