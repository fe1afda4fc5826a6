/**
 * Random traffic: connections that go on in both directions, trains that GRO can merge, fragments, echo, ARP and
 * neighbour discovery, errors about packets of others, and any of them damaged.
 */
import { VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV6, VirtioNetHdr } from '../abi/features';
import { anyAddress, beyond, BEYOND, HOSTS, linkLocal, mac, onLink } from './address';
import { below, Flow, flowAt, FLOWS, flowDst, flowSrc, lab, once, portAt, rnd } from './lab';
import {
  build,
  draft,
  Draft,
  draftClear,
  finish,
  FRAME,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  PIECE,
  VNET,
} from './packet';
import { inject } from './ports';
import { portNumber } from './rules';

const SYN: u32 = 2;
const RST: u32 = 4;
const PSH: u32 = 8;
const ACK: u32 = 16;
const FIN: u32 = 1;
const TWO: usize = PIECE + 0x8000;

/** Who talks to whom. */
export function flowsRandom(): void {
  const ports = lab().ports;
  for (let i: u32 = 0; i < FLOWS; i++) {
    const f = flowAt(i);
    f.version = once(3) ? 6 : 4;
    f.proto = once(2)
      ? IPPROTO_TCP
      : once(4)
        ? f.version === 4
          ? IPPROTO_ICMP
          : IPPROTO_ICMPV6
        : IPPROTO_UDP;
    f.near = below(ports);
    f.far = (f.near + 1 + below(max(ports, 2) - 1)) % ports;
    f.sport = once(2) ? 1024 + below(60000) : portNumber(below(6));
    f.dport = once(4) ? below(65536) : portNumber(below(6));
    f.seq0 = rnd();
    f.seq1 = rnd();
    onLink(flowSrc(f), f.version, f.near, 2 + below(HOSTS));
    if (once(8)) anyAddress(flowDst(f), f.version);
    else if (once(2)) beyond(flowDst(f), f.version, f.far, below(BEYOND), 1 + below(3));
    else onLink(flowDst(f), f.version, f.far, once(6) ? 1 : 2 + below(HOSTS));
  }
}

/** One frame, or some that belong together, to port rings. */
export function frames(): void {
  switch (below(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
      flowDraft(flowAt(below(FLOWS)));
      build();
      emit();
      return;
    case 6:
    case 7:
      train();
      return;
    case 8:
    case 9:
      fragments();
      return;
    case 10:
      echo();
      return;
    case 11:
      arp();
      return;
    case 12:
      discovery();
      return;
    case 13:
      icmpError();
      return;
    case 14:
      stranger();
      return;
    default:
      flowDraft(flowAt(below(FLOWS)));
      build();
      damage();
      emit();
      return;
  }
}

function emit(): void {
  inject(draft().port, FRAME, lab().len, VNET);
}

/** The next packet of a connection, one way or the other. */
function flowDraft(f: Flow): Draft {
  const d = draftClear();
  const back = f.step !== 0 && once(2);
  d.version = f.version;
  d.proto = f.proto;
  d.port = back ? f.far : f.near;
  d.host = 2 + below(HOSTS);
  d.src = back ? flowDst(f) : flowSrc(f);
  d.dst = back ? flowSrc(f) : flowDst(f);
  d.sport = back ? f.dport : f.sport;
  d.dport = back ? f.sport : f.dport;
  d.payload = once(4) ? below(1200) : below(64);
  d.ttl = once(10) ? 1 + below(3) : 0;
  d.df = below(2);
  if (once(8)) d.options = 1 + below(f.version === 4 ? 6 : 14);
  if (once(24)) d.vlan = 5;
  if (f.proto === IPPROTO_TCP) {
    tcpStep(d, f, back);
  } else if (f.proto === IPPROTO_ICMP) {
    d.type = back ? 0 : 8;
    d.seq = f.seq0;
  } else if (f.proto === IPPROTO_ICMPV6) {
    d.type = back ? 129 : 128;
    d.seq = f.seq0;
  }
  f.step++;
  return d;
}

function tcpStep(d: Draft, f: Flow, back: bool): void {
  d.flags = ACK;
  if (f.step === 0 || once(40)) d.flags = SYN;
  else if (f.step === 1 && back) d.flags = SYN | ACK;
  else if (once(30)) d.flags = once(2) ? RST : FIN | ACK;
  else if (once(29)) d.flags = below(64);
  if ((d.flags & SYN) !== 0) {
    d.payload = 0;
    d.tcpOptions = 1;
  } else if (once(2)) {
    d.tcpOptions = 2;
  }
  d.seq = back ? f.seq1 : f.seq0;
  d.ack = (d.flags & ACK) === 0 ? 0 : back ? f.seq0 : f.seq1;
  const used = d.payload + ((d.flags & (SYN | FIN)) !== 0 ? 1 : 0);
  if (back) f.seq1 += used;
  else f.seq0 += used;
}

/** Segments of one connection behind each other, as GRO merges them; or one that a device has merged. */
function train(): void {
  const f = flowAt(below(FLOWS));
  const d = flowDraft(f);
  d.options = 0;
  d.vlan = 0;
  d.df = 1;
  const mss: u32 = 200 + below(1200);
  if (d.proto === IPPROTO_TCP && portAt(d.port).vnetHdrLen !== 0 && portAt(d.port).large !== 0) {
    merged(d, mss);
    return;
  }
  const n = below(7) + 2;
  d.payload = mss;
  if (d.proto === IPPROTO_TCP) d.flags = ACK;
  for (let i: u32 = 0; i < n; i++) {
    if (i + 1 === n && once(2)) {
      d.payload = 1 + below(mss);
      if (d.proto === IPPROTO_TCP) d.flags |= PSH;
    }
    build();
    emit();
    d.seq += d.proto === IPPROTO_TCP ? d.payload : 1;
  }
}
function merged(d: Draft, mss: u32): void {
  d.payload = mss + below(12000);
  d.flags = ACK;
  build();
  finish();
  store<u8>(VNET, 1, VirtioNetHdr.FLAGS);
  store<u8>(
    VNET,
    <u8>(d.version === 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6),
    VirtioNetHdr.GSO_TYPE,
  );
  store<u16>(VNET, <u16>(d.transport - FRAME + 20), VirtioNetHdr.HDR_LEN);
  store<u16>(VNET, <u16>(once(8) ? below(65536) : mss), VirtioNetHdr.GSO_SIZE);
  store<u16>(VNET, <u16>(d.transport - FRAME), VirtioNetHdr.CSUM_START);
  store<u16>(VNET, once(16) ? <u16>below(4000) : 16, VirtioNetHdr.CSUM_OFFSET);
  emit();
}

/** A datagram in pieces: in any order, one lost, one twice, one that overlaps. */
function fragments(): void {
  const f = flowAt(below(FLOWS));
  const d = flowDraft(f);
  if (d.version === 6) d.options = 0;
  d.df = 0;
  d.vlan = 0;
  d.payload = 100 + below(2500);
  if (d.proto === IPPROTO_TCP) d.flags = ACK;
  build();
  const id = rnd();
  const head = <u32>(d.transport - FRAME);
  const total = <u32>(d.end - d.transport);
  const step = (64 + below(1200)) & ~7;
  const odd = below(10);
  const backwards = once(3);
  const n = (total + step - 1) / step;
  for (let i: u32 = 0; i < n; i++) {
    const k = backwards ? n - 1 - i : i;
    if (odd === 0 && k === n >> 1) continue;
    let offset = k * step;
    if (odd === 1 && k !== 0) offset -= 8;
    const more = k + 1 < n;
    piece(head, offset, min(step, total - offset), more || odd === 2, id);
    if (odd === 3) piece(head, offset, min(step, total - offset), more, id);
  }
}

function piece(head: u32, offset: u32, len: u32, more: bool, id: u32): void {
  const d = draft();
  memory.copy(PIECE, FRAME, head);
  const ip = PIECE + (d.network - FRAME);
  let at = PIECE + head;
  const field = offset | (more ? 1 : 0);
  if (d.version === 4) {
    store<u16>(ip, <u16>id, 4);
    store<u16>(ip, bswap<u16>(<u16>((offset >> 3) | (more ? 0x2000 : 0))), 6);
    store<u16>(ip, bswap<u16>(<u16>(head - <u32>(d.network - FRAME) + len)), 2);
    store<u16>(ip, 0, 10);
    let sum: u32 = 0;
    for (let i: u32 = 0; i < (<u32>(load<u8>(ip) & 15)) << 2; i += 2) sum += <u32>load<u16>(ip + i);
    sum = (sum & 0xffff) + (sum >> 16);
    store<u16>(ip, ~(<u16>((sum & 0xffff) + (sum >> 16))), 10);
  } else {
    store<u8>(ip, 44, 6);
    store<u8>(at, <u8>d.proto);
    store<u8>(at, 0, 1);
    store<u16>(at, bswap<u16>(<u16>field), 2);
    store<u32>(at, id, 4);
    at += 8;
    store<u16>(ip, bswap<u16>(<u16>(8 + len)), 4);
  }
  memory.copy(at, d.transport + offset, len);
  memory.fill(VNET, 0, 12);
  inject(d.port, PIECE, <u32>(at - PIECE) + len, VNET);
}

/** To the router itself: echo, a closed port, a SYN to nobody. */
function echo(): void {
  const d = draftClear();
  d.version = once(2) ? 4 : 6;
  d.port = below(lab().ports);
  d.host = 2 + below(HOSTS);
  onLink(TWO, d.version, d.port, d.host);
  onLink(TWO + 16, d.version, once(3) ? below(lab().ports) : d.port, 1);
  d.src = TWO;
  d.dst = TWO + 16;
  d.payload = below(200);
  const what = below(4);
  if (what <= 1) {
    d.proto = d.version === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    d.type = d.version === 4 ? 8 : 128;
    d.sport = below(65536);
    d.seq = below(65536);
    if (once(8)) d.type = below(256);
  } else {
    d.proto = what === 2 ? IPPROTO_UDP : IPPROTO_TCP;
    d.sport = 1024 + below(60000);
    d.dport = below(1024);
    d.flags = once(2) ? SYN : ACK;
    d.seq = rnd();
  }
  if (once(8)) d.options = 1 + below(d.version === 4 ? 6 : 14);
  build();
  if (once(10)) damage();
  emit();
}

/** RFC 826, any operation. */
function arp(): void {
  const l = lab();
  const d = draftClear();
  const i = below(l.ports);
  const h = below(HOSTS) + 2;
  d.port = i;
  const op: u32 = once(8) ? below(5) : 1 + below(2);
  memory.fill(FRAME, 0, 60);
  if (op === 1 && !once(4)) memory.fill(FRAME, 0xff, 6);
  else mac(FRAME, i, 1);
  mac(FRAME + 6, i, h);
  store<u16>(FRAME, 0x0608, 12);
  store<u32>(FRAME, 0x00080100, 14);
  store<u16>(FRAME, 0x0406, 18);
  store<u16>(FRAME, bswap<u16>(<u16>op), 20);
  mac(FRAME + 22, i, h);
  if (once(6)) anyAddress(FRAME + 28, 4);
  else onLink(FRAME + 28, 4, i, h);
  if (op !== 1) mac(FRAME + 32, i, 1);
  if (once(3)) anyAddress(FRAME + 38, 4);
  else onLink(FRAME + 38, 4, i, 1);
  l.len = once(10) ? 20 + below(30) : 60;
  memory.fill(VNET, 0, 12);
  emit();
}

/** Solicitations, advertisements of neighbours and routers, redirects (RFC 4861). */
function discovery(): void {
  const d = draftClear();
  const l = lab();
  d.version = 6;
  d.proto = IPPROTO_ICMPV6;
  d.port = below(l.ports);
  d.host = 2 + below(HOSTS);
  d.ttl = once(10) ? 64 : 255;
  d.type = 133 + below(5);
  d.payload = d.type === 134 ? 40 : 24;
  if (d.type === 134) linkLocal(TWO, d.host);
  else onLink(TWO, 6, d.port, d.host);
  if (once(8)) memory.fill(TWO, 0, 16);
  onLink(TWO + 16, 6, d.port, 1);
  if (once(3)) {
    linkLocal(TWO + 16, 1);
    store<u32>(TWO, 0x000002ff, 16);
  }
  d.src = TWO;
  d.dst = TWO + 16;
  build();
  const body = d.transport + 8;
  memory.fill(d.transport + 4, 0, 4 + d.payload);
  if (d.type === 134) {
    store<u32>(d.transport, 0x08070040, 4);
    // A prefix with its lifetimes.
    store<u32>(body + 8, 0xc0400403);
    store<u32>(body + 12, 0x00100000);
    store<u32>(body + 16, 0x00080000);
    onLink(body + 24, 6, 0x50 + below(4), 0);
  } else {
    store<u32>(d.transport, d.type === 136 ? below(8) << 5 : 0, 4);
    onLink(body, 6, d.port, once(3) ? 2 + below(HOSTS) : 1);
    store<u8>(body, d.type === 136 ? 2 : 1, 16);
    store<u8>(body, once(16) ? 0 : 1, 17);
    mac(body + 18, d.port, d.host);
  }
  finish();
  emit();
}

/** About a packet of a connection, from somebody on its way. */
function icmpError(): void {
  const f = flowAt(below(FLOWS));
  flowDraft(f);
  build();
  const d = draft();
  const quote = min(<u32>(d.end - d.network), 28 + below(80));
  memory.copy(TWO + 64, d.network, quote);
  const version = d.version;
  const to = f.near;
  memory.copy(TWO + 16, flowSrc(f), 16);
  draftClear();
  d.version = version;
  d.port = f.far;
  d.host = 2 + below(HOSTS);
  d.proto = version === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
  d.type = version === 4 ? (once(2) ? 3 : once(2) ? 11 : 5) : 1 + below(4);
  d.code = below(version === 4 && d.type === 3 ? 6 : 2);
  d.payload = quote;
  onLink(TWO, version, f.far, d.host);
  if (once(4)) onLink(TWO + 16, version, once(2) ? to : f.far, 1);
  d.src = TWO;
  d.dst = TWO + 16;
  build();
  memory.copy(d.transport + 8, TWO + 64, quote);
  store<u32>(d.transport, once(2) ? bswap<u32>(500 + below(1000)) : 0, 4);
  finish();
  emit();
}

/** From anywhere to anywhere, of any protocol. */
function stranger(): void {
  const d = draftClear();
  d.version = once(2) ? 4 : 6;
  d.port = below(lab().ports);
  d.host = 2 + below(HOSTS);
  anyAddress(TWO, d.version);
  anyAddress(TWO + 16, d.version);
  d.src = TWO;
  d.dst = TWO + 16;
  d.proto = once(3) ? below(256) : once(2) ? 89 : IPPROTO_UDP;
  d.sport = below(65536);
  d.dport = below(65536);
  d.payload = below(300);
  d.ttl = 1 + below(255);
  build();
  if (once(4)) mac(FRAME, d.port, below(16));
  if (once(8)) memory.fill(FRAME, 0xff, 6);
  if (once(8)) store<u32>(FRAME, 0x005e0001);
  emit();
}

/** What lines, bugs and attackers do to a frame. */
function damage(): void {
  const l = lab();
  const d = draft();
  switch (below(7)) {
    case 0:
    case 1: {
      const at = FRAME + below(min(l.len, 90));
      store<u8>(at, load<u8>(at) ^ ((<u8>1) << (<u8>below(8))));
      return;
    }
    case 2:
      l.len = below(l.len);
      return;
    case 3:
      l.len += below(64);
      return;
    case 4:
      store<u16>(d.network + (d.version === 4 ? 2 : 4), <u16>rnd());
      return;
    case 5:
      store<u8>(d.network, <u8>rnd());
      return;
    default:
      for (let i: u32 = 0; i < 4; i++) store<u8>(d.transport + below(20), <u8>rnd());
  }
}
