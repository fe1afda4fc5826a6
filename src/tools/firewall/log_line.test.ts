import { describe, expect, test } from 'vitest';
import { compose } from '../packet/compose.js';
import { readPacketWords } from '../packet/words.js';
import { type LoggedPacket, logLine } from './log_line.js';

const ENDS = { smac: '02:50:00:00:00:01', dmac: '02:60:00:00:00:02' };
const names = (handle: number) => ['lo', 'lan0', 'wan0'][handle]!;

function line(words: string, more: Partial<LoggedPacket> = {}): string {
  const frame = compose(readPacketWords(words), ENDS);
  const common = {
    prefix: '',
    level: 'warn',
    flags: 0,
    in: 1,
    family: 2,
    mark: 0,
    linkBytes: 14,
    ns: 0,
  } as const;
  return logLine({ ...common, frame, length: frame.length, ...more }, names);
}

const MAC = 'MAC=02:60:00:00:00:02:02:50:00:00:00:01:08:00';

describe('a logged packet in the fields of Linux', () => {
  test.each([
    [
      'ip saddr 10.0.0.2 ip daddr 10.0.0.1 ip id 7 tcp dport 22 tcp flags syn,ack',
      { prefix: 'in: ' },
      `in: IN=lan0 OUT= ${MAC} SRC=10.0.0.2 DST=10.0.0.1 LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=TCP SPT=40000 DPT=22 WINDOW=64240 RES=0x00 ACK SYN URGP=0`,
    ],
    [
      'ip saddr 10.0.0.2 ip daddr 10.0.0.1 ip dscp ef ip frag-off 0x4000 udp dport 53 payload "x"',
      { out: 2, mark: 16 },
      `IN=lan0 OUT=wan0 ${MAC} SRC=10.0.0.2 DST=10.0.0.1 LEN=29 TOS=0x18 PREC=0xA0 TTL=64 ID=0 DF PROTO=UDP SPT=40000 DPT=53 LEN=9 MARK=0x10`,
    ],
    [
      'ip saddr 10.0.0.2 ip daddr 10.0.0.1 icmp type echo-request icmp id 3 icmp sequence 4',
      { flags: 0x20 },
      'IN=lan0 OUT= MACSRC=02:50:00:00:00:01 MACDST=02:60:00:00:00:02 MACPROTO=0800 SRC=10.0.0.2 DST=10.0.0.1 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=8 CODE=0 ID=3 SEQ=4',
    ],
    [
      'ip saddr 10.0.0.2 ip daddr 10.0.0.1 tcp dport 22 tcp sequence 5 tcp ackseq 6 tcp option maxseg size 1460',
      { flags: 0x03 },
      `IN=lan0 OUT= ${MAC} SRC=10.0.0.2 DST=10.0.0.1 LEN=44 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=TCP SPT=40000 DPT=22 SEQ=5 ACK=6 WINDOW=64240 RES=0x00 SYN URGP=0 OPT (020405B4)`,
    ],
    [
      'ip6 saddr fd00::2 ip6 daddr fd00::1 ip6 flowlabel 9 icmpv6 type echo-request icmpv6 id 3',
      {},
      `IN=lan0 OUT= ${MAC.replace('08:00', '86:dd')} SRC=fd00:0000:0000:0000:0000:0000:0000:0002 DST=fd00:0000:0000:0000:0000:0000:0000:0001 LEN=48 TC=0 HOPLIMIT=64 FLOWLBL=9 PROTO=ICMPv6 TYPE=128 CODE=0 ID=3 SEQ=1`,
    ],
    [
      'arp operation request arp saddr ip 10.0.0.2 arp daddr ip 10.0.0.1',
      { family: 3 },
      `IN=lan0 OUT= ${MAC.replace('08:00', '08:06')} ARP HTYPE=1 PTYPE=0x0800 OPCODE=1 MACSRC=02:50:00:00:00:01 IPSRC=10.0.0.2 MACDST=00:00:00:00:00:00 IPDST=10.0.0.1`,
    ],
    [
      'ip protocol 47 ip saddr 10.0.0.2 ip daddr 10.0.0.1',
      {},
      `IN=lan0 OUT= ${MAC} SRC=10.0.0.2 DST=10.0.0.1 LEN=24 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=47`,
    ],
  ] as const)('%s', (words, more, expected) => {
    expect(line(words, more)).toBe(expected);
  });

  test('one that was not kept whole', () => {
    const frame = compose(readPacketWords('ip saddr 10.0.0.2 ip daddr 10.0.0.1 tcp dport 22'), ENDS);
    expect(line('', { frame: frame.subarray(0, 40) })).toMatch(/PROTO=TCP INCOMPLETE \[6 bytes\]$/);
    expect(line('', { frame: frame.subarray(0, 20) })).toMatch(/TRUNCATED$/);
  });
});
