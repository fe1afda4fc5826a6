/** LACPDUs and marker responses as frames of a bond's port (IEEE 802.1AX §6.4.2, §6.5). */
import { kfreeSkbReason } from '../skb/free';
import { SkbDropReason } from '../abi/drop_reason';
import { allocSkb } from '../skb/pool';
import { SkBuff, skbHeadlen } from '../skb/sk_buff';
import { skbCowHead, skbPut } from '../skb/skbuff';
import { ETH_P_SLOW, etherAddrCopy, emitEthernet } from '../wire/ethernet';
import {
  SLOW_PDU_LEN,
  emitLacpInfo,
  emitLacpdu,
  lacpActor,
  lacpPartner,
  markerSetResponse,
} from '../wire/lacp';
import { PORT_PRIORITY } from './bond_3ad_port';
import { BondSlave, slaveBond, slaveDev } from './bond_slave';
import { devQueueXmit } from './xmit';

const ETH_HLEN: u32 = 14;
/** Slow_Protocols_Multicast (IEEE 802.3 annex 57B). */
export const SLOW_PROTOCOLS_MULTICAST: u64 = 0x0200_00c2_8001;
const SLOW_PROTOCOLS_BYTES = memory.data<u8>([0x01, 0x80, 0xc2, 0x00, 0x00, 0x02]);
/** Linux: TC_PRIO_CONTROL. */
const TC_PRIO_CONTROL: u32 = 7;

/** Tells the partner of the port what is so. False when it could not be sent. */
export function lacpduSend(slave: BondSlave, system: u64): bool {
  const skb = allocSkb(ETH_HLEN + SLOW_PDU_LEN);
  if (skb === null) return false;
  const eth = skbPut(skb, ETH_HLEN + SLOW_PDU_LEN);
  emitEthernet(
    eth,
    SLOW_PROTOCOLS_BYTES,
    changetype<usize>(slave) + offsetof<BondSlave>('permAddr'),
    ETH_P_SLOW,
  );
  const pdu = eth + ETH_HLEN;
  emitLacpdu(pdu);
  emitLacpInfo(
    lacpActor(pdu),
    slaveBond(slave).adActorSysPrio,
    system,
    slave.actorOperKey,
    PORT_PRIORITY,
    slave.portNumber,
    slave.actorState,
  );
  emitLacpInfo(
    lacpPartner(pdu),
    slave.partnerSysPrio,
    slave.partnerSystem,
    slave.partnerKey,
    slave.partnerPortPrio,
    slave.partnerPort,
    slave.partnerState,
  );
  send(skb, slave);
  return true;
}

function send(skb: SkBuff, slave: BondSlave): void {
  skb.macHeader = skb.data;
  skb.networkHeader = skb.data + ETH_HLEN;
  skb.protocol = <u16>ETH_P_SLOW;
  skb.priority = TC_PRIO_CONTROL;
  skb.dev = slave.dev;
  devQueueXmit(skb);
}

/** Marker responder (§6.5.4.2): the PDU (data behind its Ethernet header) goes back as a response. Owns the skb. */
export function markerRespond(skb: SkBuff, slave: BondSlave): void {
  if (!skbCowHead(skb, ETH_HLEN) || skbHeadlen(skb) < SLOW_PDU_LEN) {
    kfreeSkbReason(skb, SkbDropReason.NOMEM);
    return;
  }
  markerSetResponse(skb.data);
  skb.data -= ETH_HLEN;
  skb.len += ETH_HLEN;
  etherAddrCopy(skb.data, SLOW_PROTOCOLS_BYTES);
  etherAddrCopy(skb.data + 6, changetype<usize>(slave) + offsetof<BondSlave>('permAddr'));
  skb.dst = 0;
  if (slaveDev(slave).carrier === 0) kfreeSkbReason(skb, SkbDropReason.DEV_READY);
  else send(skb, slave);
}
