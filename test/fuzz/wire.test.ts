/**
 * Seeded fuzzing of every check and walker of assembly/wire. The input's last byte is the last of linear memory, so
 * an over-read traps; beside that, each parser has an invariant of its own. Half of the inputs are changed good
 * packets, the others noise.
 *
 * FUZZ_COUNT: inputs per parser (default 20,000; 1,000,000 with LONG=true). A failure prints the seed of its input:
 * FUZZ_SEED=that FUZZ_COUNT=1 runs it alone.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import type { AsModule } from '../as.js';
import { bytesAt, functions, hex, loadWire, OUT, u32At } from '../wire_input.js';

const COUNT = Number(process.env.FUZZ_COUNT ?? (process.env.LONG === 'true' ? 1_000_000 : 20_000));
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const IPV4 = '4f 00 003c 1c46 4000 40 01 1d91 c0a80102 08080808';
const IP6_ADDRESSES = 'fe800000000000000000000000000001 20010db8000000000000000000000002';
const TCP = 'd431 01bb 9f3a0001 00000000 a0 02 faf0 1b2c 0000';

interface Parser {
  /** Good inputs to change, as hex. */
  seeds: string[];
  /** Longest input of noise. */
  longest: number;
  /** Throws when the parser does what it must not. `pick` is a random number of this input. */
  run: (p: number, length: number, pick: number) => void;
}

let m: AsModule;
let exported: Record<string, (...args: number[]) => number>;
beforeAll(async () => {
  m = await loadWire();
  exported = m.exports;
});

function call(name: string, ...args: number[]): number {
  return exported[name]!(...args);
}

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

/** Calls getters that the check has made safe: they must not trap. */
function read(p: number, ...names: string[]): void {
  for (const name of names) call(name, p);
}

/** A walk must move on with every step and end at or before the end. */
function walk(
  next: string,
  opts: number,
  length: number,
  visit?: (at: number, optlen: number) => void,
): boolean {
  for (let pos = 0; pos < length; ) {
    const after = call(next, opts, length, pos);
    if (after === -1) return false;
    must(after > pos && after <= length, `${next} went from ${pos} to ${after} of ${length}`);
    visit?.(opts + pos, after - pos);
    pos = after;
  }
  return true;
}

/** Every record of a report lies within it. */
function walkRecords(p: number, length: number, header: number, source: number): void {
  let at = p + 8;
  for (let n = call('reportRecords', p); n > 0; n--) {
    must(at + header <= p + length, 'a record begins behind the end');
    at += call('recordLen', at, header, source);
    must(at <= p + length, 'a record ends behind the end');
  }
}

const PARSERS: Record<string, Parser> = {
  checkEthernet: {
    seeds: ['525400123456 020000000001 0800'],
    longest: 20,
    run: (p, length) => {
      if (call('checkEthernet', p, length) !== 0) return;
      read(p, 'ethProto', 'ethProtoBe');
      for (const mac of [call('ethDest', p), call('ethSource', p)]) {
        read(mac, 'isMulticastEtherAddr', 'isBroadcastEtherAddr', 'isZeroEtherAddr', 'isLocalEtherAddr');
        read(mac, 'isValidEtherAddr', 'isLinkLocalEtherAddr');
        call('etherAddrCopy', OUT, mac);
        must(call('etherAddrEqual', OUT, mac) === 1, 'a copied address is not equal');
      }
    },
  },
  checkVlan: {
    seeds: ['a0640800'],
    longest: 8,
    run: (p, length) => {
      if (call('checkVlan', p, length) === 0)
        read(p, 'vlanTci', 'vlanVid', 'vlanPrio', 'vlanEncapsulatedProto');
    },
  },
  checkArp: {
    seeds: ['0001 0800 06 04 0001 525400123456 c0a80102 000000000000 c0a80101'],
    longest: 40,
    run: (p, length) => {
      if (call('checkArp', p, length) !== 0) return;
      call(
        'emitArp',
        OUT,
        call('arpOp', p),
        call('arpSha', p),
        call('arpSip', p),
        call('arpTha', p),
        call('arpTip', p),
      );
      must(same(OUT + 2, p + 2, 26), 'ARP written as read is another');
    },
  },
  checkIpv4: {
    seeds: [
      `${IPV4} 01 83 0b 04 0a000001 0a000002 44 0c 05 01 0000000000000000 07 07 04 00000000 94 04 0000`,
    ],
    longest: 80,
    run: (p, length) => {
      if (call('checkIpv4', p, length) !== 0) return;
      read(p, 'ipv4Tos', 'ipv4Id', 'ipv4FragOffBytes', 'ipv4IsFragment', 'ipv4Ttl', 'ipv4Saddr', 'ipv4Daddr');
      const ihl = call('ipv4Ihl', p);
      const totLen = call('ipv4TotLen', p);
      must(ihl >= 20 && ihl <= totLen && totLen <= length, `header ${ihl}, total ${totLen} of ${length}`);
      ipv4Options(p + 20, ihl - 20, p);
    },
  },
  ipv4OptionsCheck: {
    seeds: [
      '83 0b 04 0a000001 0a000002 44 0c 05 01 0000000000000000 07 07 04 00000000 94 04 0000 00',
      '44 0c 05 03 0a000001 00000000 86 06 00000001 89 07 04 0a000001 01',
    ],
    longest: 40,
    run: (p, length) => ipv4Options(p, Math.min(length, 40), 0),
  },
  checkIpv6: {
    seeds: [`6bacdcde 0008 3a 40 ${IP6_ADDRESSES} 80004d5a12340001`],
    longest: 60,
    run: (p, length) => {
      if (call('checkIpv6', p, length) !== 0) return;
      read(p, 'ipv6Dsfield', 'ipv6Flowlabel', 'ipv6Nexthdr', 'ipv6HopLimit');
      must(call('ipv6PayloadLen', p) <= length - 40, 'payload is longer than the packet');
      ipv6Addresses(call('ipv6Saddr', p), call('ipv6Daddr', p));
    },
  },
  ipv6SkipExthdr: {
    seeds: [
      '3c00050200000100 2b010c0c000000000000000000000000 2c02040100000000 20010db8000000000000000000000001 3300000112345678 1104000000000001 00000002000102030405060708090a0b d431003500080000',
      '2c00050200000100 110005a812345678 d431003500080000',
    ],
    longest: 120,
    run: (p, length, pick) => {
      const first = [0, 43, 44, 51, 60, 59, 17, 50][pick & 7]!;
      const offset = call('ipv6SkipExthdr', p, length, first, OUT, OUT + 4);
      must(offset >= -1 && offset <= length, `offset ${offset} of ${length}`);
      if (offset >= 0) {
        const upper = u32At(m, OUT);
        const later = upper === 44 && (u32At(m, OUT + 4) & 0xfff8) !== 0;
        must(later || call('ipv6ExtHdr', upper) === 0, `ended at extension header ${upper}`);
      }
      // An extension header is 2048 bytes at most: so far behind the packet may lie what it names.
      const walked = call('ipv6WalkExthdr', p, length, first, OUT, OUT + 4);
      must(walked === offset || (offset === -1 && walked <= length + 2048), `walked to ${walked}`);
      for (const target of [0, 43, 44, 51, 60]) {
        const at = call('ipv6FindExthdr', p, length, first, target);
        must(at >= -1 && at + 8 <= length + (at < 0 ? 9 : 0), `found ${target} at ${at} of ${length}`);
      }
      if (call('checkIpv6Ext', p, length, first) !== 0) return;
      must(call('ipv6ExtLen', p, first) <= length, 'an extension header passed that is too long');
      read(
        p,
        'ipv6ExtNexthdr',
        'ipv6FragOff',
        'ipv6FragMf',
        'ipv6FragId',
        'ipv6RtType',
        'ipv6RtSegmentsLeft',
      );
    },
  },
  ipv6OptionsCheck: {
    seeds: ['050200000100 c20400010000', '010400000000 00 0000'],
    longest: 64,
    run: (p, length) => {
      const fits = walk('ipv6OptNext', p, length);
      const code = call('ipv6OptionsCheck', p, length);
      must(code !== 0 || fits, 'options passed that do not fit');
    },
  },
  checkIcmp: {
    seeds: ['08004d5a12340001'],
    longest: 12,
    run: (p, length) => {
      if (call('checkIcmp', p, length) !== 0) return;
      call('emitIcmp', OUT, call('icmpType', p), call('icmpCode', p), call('icmpInfo', p));
      must(same(OUT + 4, p + 4, 4), 'ICMP written as read is another');
      read(p, 'icmpFragMtu', 'icmpGateway', 'icmpParamPointer', 'icmpEchoId', 'icmpEchoSequence');
    },
  },
  checkIcmpv6: {
    seeds: ['80004d5a12340001'],
    longest: 12,
    run: (p, length) => {
      if (call('checkIcmpv6', p, length) !== 0) return;
      call('emitIcmpv6', OUT, call('icmpv6Type', p), call('icmpv6Code', p), call('icmpv6Info', p));
      must(same(OUT + 4, p + 4, 4), 'ICMPv6 written as read is another');
    },
  },
  checkNd: {
    seeds: [
      '8500000000000000 0101020000000001',
      '8600000040c80708 00007530000003e8 0501000000000 5dc 0101020000000001',
      `8700000000000000 ${IP6_ADDRESSES.slice(0, 32)} 0101020000000001`,
      `8900000000000000 ${IP6_ADDRESSES} 0402000000000000 6000000000000000`,
    ],
    longest: 96,
    run: (p, length) => {
      const fixed = { checkNdRs: 8, checkNdRa: 16, checkNdNs: 24, checkNdNa: 24, checkNdRedirect: 40 };
      for (const [check, bytes] of Object.entries(fixed)) {
        if (call(check, p, length) !== 0) continue;
        must(length >= bytes, `${check} took ${length} bytes`);
        must(walk('ndOptNext', p + bytes, length - bytes), `${check} took options that do not fit`);
        if (bytes === 16)
          read(p, 'ndRaHopLimit', 'ndRaFlags', 'ndRaLifetime', 'ndRaReachable', 'ndRaRetrans');
        if (bytes >= 24) read(call('ndTarget', p), 'ipv6AddrType');
        if (bytes === 40) read(call('ndRedirectDest', p), 'ipv6AddrType');
      }
    },
  },
  /** As ndisc_router and the host read it: every option, not only the first of its kind. */
  routerAdvertisement: {
    seeds: [
      '86000000 40c80708 00007530 000003e8 0101020000000001 050100000000 05dc 030440c000278d0000093a8000000000 20010db8000100000000000000000000',
      '86000000 40180708 00000000 00000000 18010000 00000e10 1802300800000e10 20010db800020000 1803401800000e10 20010db8000200000000000000000000',
      '86000000 00000000 00000000 00000000 1905000000000258 20010db8000100000000000000000053 20010db8000100000000000000000054 1f03000000000258 036c6162076578616d706c650000000000',
    ],
    longest: 160,
    run: (p, length) => {
      if (call('checkNdRa', p, length) !== 0) return;
      read(p, 'ndRaHopLimit', 'ndRaFlags', 'ndRaLifetime', 'ndRaReachable', 'ndRaRetrans');
      walk('ndOptNext', p + 16, length - 16, raOption);
    },
  },
  parseNdOptions: {
    seeds: [
      '0101020000000001 030440c000278d0000093a8000000000 20010db8000100000000000000000000 05010000000005dc',
      '1802300800000e10 20010db800020000 1903000000000258 20010db8000100000000000000000000 1f02000000000258 036c616e00000000',
      '0402000000000000 6000000000000000 0e01010203040506 0201525400123456',
    ],
    longest: 128,
    run: (p, length) => {
      const code = call('parseNdOptions', p, length, OUT);
      must((code === 0) === walk('ndOptNext', p, length), 'parse and walk disagree');
      must((code === 0) === (call('ndOptionsCheck', p, length) === 0), 'parse and check disagree');
      if (code === 0) readNdOptions(p, length);
    },
  },
  checkSlowPdu: {
    seeds: ['01 01 01 14', '02 01 01 10 0002'].map((start) => start.replaceAll(' ', '').padEnd(220, '0')),
    longest: 130,
    run: (p, length) => {
      if (call('checkSlowPdu', p, length) !== 0) return;
      must(length >= 110, `a slow protocol's PDU of ${length} bytes`);
      read(p, 'slowSubtype', 'markerTlvType');
      for (const info of [call('lacpActor', p), call('lacpPartner', p)])
        read(info, 'lacpSysPrio', 'lacpSystem', 'lacpKey', 'lacpPortPrio', 'lacpPort', 'lacpState');
      call('markerSetResponse', p);
    },
  },
  checkBpdu: {
    seeds: ['00000000 81 8000020000000001 00000004 8000020000000002 8001 0100 1400 0200 0f00', '00000080'],
    longest: 40,
    run: (p, length) => {
      if (call('checkBpdu', p, length) !== 0) return;
      must(length >= (call('bpduType', p) === 0 ? 35 : 4), `a BPDU of ${length} bytes`);
      if (call('bpduType', p) === 0)
        read(p, 'bpduFlags', 'bpduRootPathCost', 'bpduPortId', 'bpduForwardDelay');
    },
  },
  checkIgmp: {
    seeds: ['1164ee9b00000000', '2200dbfd0000000104000000effffffa', '1164ee9b0000000002140000'],
    longest: 48,
    run: (p, length) => {
      if (call('checkIgmp', p, length) !== 0) return;
      read(p, 'igmpType', 'igmpCode', 'igmpGroup');
      if (call('igmpType', p) === 0x22) walkRecords(p, length, 8, 4);
    },
  },
  checkMld: {
    seeds: [
      `820000000000 0000 ${'00'.repeat(16)}`,
      `8f00000000000001 04000000 ff0200000000000000000001ff000001`,
      `8f00000000000001 01010001 ff0200000000000000000001ff000001 ${'20'.repeat(20)}`,
    ],
    longest: 96,
    run: (p, length) => {
      if (call('checkMld', p, length) !== 0) return;
      if (call('icmpv6Type', p) === 143) walkRecords(p, length, 20, 16);
      else read(p, 'mldMaxResponse');
    },
  },
  checkUdp: {
    seeds: ['d4310035000c5a1edeadbeef', 'd431003500085a1e', 'd431003500005a1e'],
    longest: 24,
    run: (p, length) => {
      if (call('checkUdp', p, length) === 0) {
        const ulen = call('udpLen', p);
        must(ulen >= 8 && ulen <= length, `length ${ulen} of ${length}`);
        read(p, 'udpSource', 'udpDest', 'udpCheckBe');
      }
      if (call('checkUdp6Head', p, length, length) === 0) must(length >= 8, 'UDP of less than 8 bytes');
    },
  },
  checkTcp: {
    seeds: [`${TCP} 020405b4 0402080a 11223344 00000000 01030307`],
    longest: 64,
    run: (p, length, pick) => {
      if (call('checkTcp', p, length) !== 0) return;
      const doff = call('tcpDoff', p);
      must(doff >= 20 && doff <= length, `data offset ${doff} of ${length}`);
      read(
        p,
        'tcpSource',
        'tcpDest',
        'tcpSeq',
        'tcpAckSeq',
        'tcpFlags',
        'tcpWindow',
        'tcpCheckBe',
        'tcpUrgPtr',
      );
      tcpOptions(p + 20, doff - 20, pick & 1);
    },
  },
  parseTcpOptions: {
    seeds: [
      '020405b4 0402080a 11223344 00000000 01030307',
      '0101080a 00000001 fffffffe 01010512 00000001 00000002 00000005 00000009',
      '220a 0102030405060708 1d04 0102 1312 00000000000000000000000000000000',
    ],
    longest: 40,
    run: (p, length, pick) => tcpOptions(p, length, pick & 1),
  },
  checkVirtioNetHdr: {
    seeds: ['01014200a8052200100003 00', '01052a00c00522000600'],
    longest: 14,
    run: (p, length, pick) => {
      const frame = pick % 5000;
      if (call('checkVirtioNetHdr', p, length, frame) !== 0) return;
      must(length >= 10, `a header of ${length} bytes`);
      const end = call('virtioNetCsumStart', p) + call('virtioNetCsumOffset', p) + 2;
      must((call('virtioNetFlags', p) & 1) === 0 || end <= frame, `checksum ends at ${end} of ${frame}`);
      must(call('virtioNetGsoType', p) === 0 || call('virtioNetGsoSize', p) > 0, 'segments of 0 bytes');
      call('virtioNetHdrLen', p);
    },
  },
};

/** Options flush against the end, or (iph not 0) in a header there: then they are stamped and forwarded, too. */
function ipv4Options(opts: number, length: number, iph: number): void {
  const bad = call('ipv4OptionsCheck', opts, length, OUT);
  must(bad === 0 || (bad >= 20 && bad < 20 + length), `bad byte at ${bad} of ${20 + length}`);
  must(bad !== 0 || walk('ipv4OptNext', opts, length), 'options passed that do not fit');
  if (bad === 0 && iph !== 0) {
    call('ipv4OptionsStamp', iph, OUT, 0x0101a8c0, 12345, 1);
    call('ipv4OptionsForward', iph, OUT, 0xfe01a8c0);
    must(walk('ipv4OptNext', opts, length), 'stamping broke the options');
  }
  call('ipv4OptionsFragment', opts, length);
}

function ipv6Addresses(a: number, b: number): void {
  for (const addr of [a, b]) {
    const type = call('ipv6AddrType', addr);
    must(((type & 2) !== 0) === (call('ipv6AddrIsMulticast', addr) !== 0), `type ${type} of a group`);
    must((type === 0) === (call('ipv6AddrIsAny', addr) !== 0), `type ${type} of ::`);
    must(call('ipv6AddrScope', addr) < 16, 'a scope above 15');
    read(addr, 'ipv6AddrIsLoopback', 'ipv6AddrIsV4mapped', 'ipv6AddrIsSolictMult', 'ipv6AddrNeedsScopeId');
    call('ipv6AddrSolictMult', addr, OUT);
    must(call('ipv6AddrIsSolictMult', OUT) === 1, 'a solicited-node group is none');
    call('ipv6MulticastMac', addr, OUT);
    must(call('isMulticastEtherAddr', OUT) === 1, 'the MAC of a group is none');
  }
  const diff = call('ipv6AddrDiff', a, b);
  must(call('ipv6PrefixEqual', a, b, diff) === 1, `the first ${diff} bits are not equal`);
  must(diff === 128 || call('ipv6PrefixEqual', a, b, diff + 1) === 0, `bit ${diff} is equal`);
}

function readNdOptions(p: number, length: number): void {
  const getters: [number, string[]][] = [
    [8, ['ndPrefixLen', 'ndPrefixFlags', 'ndPrefixValid', 'ndPrefixPreferred']],
    [16, ['ndOptMtu']],
    [24, ['ndRouteLen', 'ndRoutePref', 'ndRouteLifetime']],
  ];
  for (const [field, names] of getters) {
    const at = u32At(m, OUT + field);
    if (at === 0) continue;
    must(at >= p && at + call('ndOptLen', at) <= p + length, `option at ${at - p} of ${length}`);
    read(at, ...names);
  }
  const prefix = u32At(m, OUT + 8);
  if (prefix !== 0) read(call('ndPrefix', prefix), 'ipv6AddrType');
  const rdnss = u32At(m, OUT + 28);
  if (rdnss === 0) return;
  const count = call('ndRdnssCount', rdnss);
  must(count > 0, 'RDNSS without a server');
  for (let i = 0; i < count; i++) read(call('ndRdnssAddr', rdnss, i), 'ipv6AddrType');
}

/** An option that passed its check: all that its type has lies within it. */
function raOption(at: number, optlen: number): void {
  must(call('ndOptLen', at) === optlen, 'walk and length disagree');
  if (call('checkNdOpt', at) !== 0) return;
  switch (call('ndOptType', at)) {
    case 1:
      read(call('ndOptLladdr', at), 'isValidEtherAddr');
      return;
    case 3:
      read(at, 'ndPrefixFlags', 'ndPrefixValid', 'ndPrefixPreferred');
      must(call('ndPrefixLen', at) <= 128, 'a prefix beyond 128 bits');
      read(call('ndPrefix', at), 'ipv6AddrType');
      return;
    case 5:
      read(at, 'ndOptMtu');
      return;
    case 24: {
      read(at, 'ndRoutePref', 'ndRouteLifetime');
      const bytes = (call('ndRouteLen', at) + 7) >>> 3;
      must(bytes <= 16 && 8 + bytes <= optlen, `a prefix of ${bytes} bytes in an option of ${optlen}`);
      bytesAt(m, call('ndRoutePrefix', at), bytes);
      return;
    }
    case 25: {
      read(at, 'ndRdnssLifetime');
      const count = call('ndRdnssCount', at);
      must(count > 0 && 8 + 16 * count === optlen, `${count} servers in ${optlen} bytes`);
      for (let i = 0; i < count; i++) read(call('ndRdnssAddr', at, i), 'ipv6AddrType');
    }
  }
}

function tcpOptions(opts: number, length: number, syn: number): void {
  const code = call('parseTcpOptions', opts, length, syn, OUT);
  must((code === 0) === walk('tcpOptNext', opts, length), 'parse and walk disagree');
  const saw = u32At(m, OUT);
  const sackCount = u32At(m, OUT + 28);
  const blocks = u32At(m, OUT + 24);
  if ((saw & 16) !== 0)
    must(blocks >= opts && blocks + 8 * sackCount <= opts + length, 'SACK blocks lie outside');
  for (let i = 0; i < sackCount; i++) {
    call('tcpSackLeft', OUT, i);
    call('tcpSackRight', OUT, i);
  }
  must(u32At(m, OUT + 8) <= 14, 'a window scale above 14');
  const bytes = call('tcpOptionsLen', OUT);
  must(bytes === call('emitTcpOptions', OUT + 0x1000, OUT), 'the length of options is not what was written');
  must((bytes & 3) === 0, `options of ${bytes} bytes`);
}

function same(a: number, b: number, length: number): boolean {
  return Buffer.compare(bytesAt(m, a, length), bytesAt(m, b, length)) === 0;
}

/** mulberry32: 32 random bits per call. */
function random(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** Writes the input of `next`'s seed flush against the end; returns its length. */
function makeInput(memory: Uint8Array, seeds: Uint8Array[], longest: number, next: () => number): number {
  const noise = (next() & 1) === 0;
  const good = seeds[next() % seeds.length]!;
  // Half of the changed packets keep their length, the others are cut or lengthened.
  const length = noise
    ? next() % (longest + 1)
    : (next() & 1) === 0
      ? good.length
      : next() % (good.length + 8);
  const start = memory.length - length;
  if (noise) {
    for (let i = start; i < memory.length; i++) memory[i] = next();
    // Small numbers are what types and lengths are.
    for (let n = next() % (length + 1); n > 0; n--) memory[start + (next() % length)] = next() % 12;
    return length;
  }
  for (let i = 0; i < length; i++) memory[start + i] = good[i] ?? 0;
  if (length > 0) for (let n = next() % 5; n > 0; n--) memory[start + (next() % length)] = next();
  return length;
}

describe(`wire parsers, ${COUNT} inputs each from FUZZ_SEED=${SEED}`, () => {
  test('every check and walker of assembly/wire has a parser here', () => {
    const text =
      Object.values(PARSERS)
        .map((parser) => parser.run.toString())
        .join() + SUBROUTINES.join();
    const names = Object.keys(m.exports).filter((name) =>
      /^(check|parse)|(Check|OptNext|Exthdr)$/.test(name),
    );
    const known = new Set(['checkRecords', 'checkIpv4Head', 'checkIpv6Head', 'checkUdpHead', 'checkNdOpt']);
    expect(names.filter((name) => !known.has(name) && !text.includes(name))).toEqual([]);
    expect(functions(m, ...known)).toBeTypeOf('object');
  });

  test.each(Object.keys(PARSERS))(
    '%s neither over-reads nor breaks its promise',
    (name) => {
      const { seeds, longest, run } = PARSERS[name]!;
      const good = seeds.map((seed) => hex(seed));
      const memory = new Uint8Array(m.memory.buffer);
      for (let i = 0; i < COUNT; i++) {
        const seed = (SEED + i) % 2 ** 31;
        const next = random(seed);
        const length = makeInput(memory, good, longest, next);
        const pick = next();
        const input = process.env.FUZZ_SEED ? bytesAt(m, memory.length - length, length) : undefined;
        try {
          run(memory.length - length, length, pick);
        } catch (cause) {
          const bytes = input ? `: ${Buffer.from(input).toString('hex')}` : '';
          throw new Error(`${name}: FUZZ_SEED=${seed} FUZZ_COUNT=1, ${length} bytes${bytes}`, { cause });
        }
      }
    },
    600_000,
  );
});

const SUBROUTINES = [ipv4Options, ipv6Addresses, raOption, readNdOptions, tcpOptions].map((fn) =>
  fn.toString(),
);
