/** FTP and TFTP: the connections that they name are RELATED, and named anew where NAT changed an address. */
import {
  ACK,
  ip4,
  ip6,
  LAN_HOST,
  LAN_HOST6,
  pattern,
  SYN,
  tcp,
  udp,
  WAN_HOST,
  WAN_HOST6,
} from '../packet.js';
import type { NatRule } from '../nat_rule.js';
import { lan, type Setup, type Step, wan } from '../router.js';
import type { ConntrackCase } from './conntrack.js';

const ROUTER_WAN = '198.51.100.1';
const ROUTER_WAN6 = '2001:db8:2::1';
const HELPERS: Setup['helpers'] = [
  { helper: 'ftp', dport: 21 },
  { helper: 'tftp', dport: 69 },
];
const MASQUERADE: NatRule = { family: 0, hook: 'postrouting', device: 'wan0', to: 'masquerade' };
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A control connection from the LAN, and what is said on it; `me` is what the server sees of the client. */
class Ftp {
  readonly steps: Step[] = [];
  private client = 1000;
  private server = 5000;
  /** By how much the server has got more than the client sent. */
  private grown = 0;

  constructor(
    private readonly me: string,
    private readonly six = false,
  ) {
    this.put(0, SYN, '');
    this.client++;
    this.put(1, SYN | ACK, '');
    this.server++;
    this.put(0, ACK, '');
    this.says('220 ready\r\n');
    this.asks('USER anonymous\r\n');
  }

  private put(side: 0 | 1, flags: number, text: string): void {
    const payload = ascii(text);
    const ack = (flags & ACK) === 0 ? 0 : side === 0 ? this.server : this.client + this.grown;
    const seq = side === 0 ? this.client : this.server;
    const ports = side === 0 ? { sport: 40000, dport: 21 } : { sport: 21, dport: 40000 };
    const part = tcp({ ...ports, seq, ack, flags }, payload);
    const [c, s] = this.six ? [LAN_HOST6, WAN_HOST6] : [LAN_HOST, WAN_HOST];
    const ends = side === 0 ? { src: c, dst: s } : { src: s, dst: this.me };
    const packet = this.six ? ip6(ends, part) : ip4(ends, part);
    this.steps.push(side === 0 ? lan(packet) : wan(packet));
  }

  asks(text: string, grows = 0): this {
    this.put(0, ACK, text);
    this.client += text.length;
    this.grown += grows;
    this.put(1, ACK, '');
    return this;
  }

  says(text: string): this {
    this.put(1, ACK, text);
    this.server += text.length;
    this.put(0, ACK, '');
    return this;
  }

  /** A first segment of a data connection, from the server or from the client. */
  data(side: 0 | 1, sport: number, dport: number): this {
    const [c, s] = this.six ? [LAN_HOST6, WAN_HOST6] : [LAN_HOST, WAN_HOST];
    const ends = side === 0 ? { src: c, dst: s } : { src: s, dst: this.me };
    const part = tcp({ sport, dport, seq: 77, flags: SYN });
    const packet = this.six ? ip6(ends, part) : ip4(ends, part);
    this.steps.push(side === 0 ? lan(packet) : wan(packet));
    return this;
  }
}

const nat = (...rules: readonly NatRule[]): Setup => ({ nat: rules, helpers: HELPERS! });

export const helperCases: readonly ConntrackCase[] = [
  {
    name: 'FTP: PORT, and the data connection from the server',
    setup: nat(),
    steps: new Ftp(LAN_HOST).asks('PORT 192,0,2,2,19,137\r\n').data(1, 20, 19 * 256 + 137).steps,
  },
  {
    name: 'FTP: PASV, and the data connection from the client',
    setup: nat(),
    steps: new Ftp(LAN_HOST)
      .asks('PASV\r\n')
      .says('227 Entering Passive Mode (198,51,100,2,200,10).\r\n')
      .data(0, 50000, 200 * 256 + 10).steps,
  },
  {
    name: 'FTP: EPRT and EPSV',
    setup: nat(),
    steps: new Ftp(LAN_HOST)
      .asks('EPRT |1|192.0.2.2|5001|\r\n')
      .data(1, 20, 5001)
      .asks('EPSV\r\n')
      .says('229 Entering Extended Passive Mode (|||6001|)\r\n')
      .data(0, 50000, 6001).steps,
  },
  {
    name: 'FTP over IPv6: EPRT and EPSV',
    setup: nat(),
    steps: new Ftp(LAN_HOST6, true)
      .asks('EPRT |2|2001:db8:1::2|5001|\r\n')
      .data(1, 20, 5001)
      .asks('EPSV\r\n')
      .says('229 Entering Extended Passive Mode (|||6001|)\r\n')
      .data(0, 50000, 6001).steps,
  },
  {
    name: 'FTP: a PORT that names another host opens nothing',
    setup: nat(),
    steps: new Ftp(LAN_HOST).asks('PORT 192,0,2,3,19,137\r\n').data(1, 20, 19 * 256 + 137).steps,
  },
  {
    name: 'FTP: half a PORT is dropped, whole it is taken',
    setup: nat(),
    steps: new Ftp(LAN_HOST).asks('PORT 192,0,2').steps,
  },
  {
    name: 'FTP behind masquerade: PORT names the address outside, and lengths change what follows',
    setup: nat(MASQUERADE),
    steps: new Ftp(ROUTER_WAN)
      .asks('PORT 192,0,2,2,19,137\r\n', 'PORT 198,51,100,1,19,137'.length - 'PORT 192,0,2,2,19,137'.length)
      .data(1, 20, 19 * 256 + 137)
      .asks('LIST\r\n')
      .says('150 here it comes\r\n')
      .asks('QUIT\r\n').steps,
  },
  {
    name: 'FTP behind masquerade: EPRT',
    setup: nat(MASQUERADE),
    steps: new Ftp(ROUTER_WAN)
      .asks('EPRT |1|192.0.2.2|5001|\r\n', '198.51.100.1'.length - '192.0.2.2'.length)
      .data(1, 20, 5001)
      .asks('LIST\r\n').steps,
  },
  {
    name: 'FTP behind masquerade: PASV passes as it is',
    setup: nat(MASQUERADE),
    steps: new Ftp(ROUTER_WAN)
      .asks('PASV\r\n')
      .says('227 Entering Passive Mode (198,51,100,2,200,10).\r\n')
      .data(0, 50000, 200 * 256 + 10).steps,
  },
  {
    name: 'FTP over IPv6 behind masquerade: EPRT',
    setup: nat({ ...MASQUERADE, family: 1 }),
    steps: new Ftp(ROUTER_WAN6, true)
      .asks(
        'EPRT |2|2001:db8:1::2|5001|\r\n',
        '2001:0db8:0002:0000:0000:0000:0000:0001'.length - '2001:db8:1::2'.length,
      )
      .data(1, 20, 5001)
      .asks('LIST\r\n').steps,
  },
  {
    name: 'TFTP: the answer from another port is RELATED',
    setup: nat(),
    steps: [
      lan(ip4({}, udp({ sport: 3000, dport: 69 }, ascii('\0\u0001file\0octet\0')))),
      wan(ip4({ src: WAN_HOST, dst: LAN_HOST }, udp({ sport: 4000, dport: 3000 }, pattern(20)))),
      lan(ip4({}, udp({ sport: 3000, dport: 4000 }, pattern(4)))),
    ],
  },
  {
    name: 'TFTP behind masquerade',
    setup: nat(MASQUERADE),
    steps: [
      lan(ip4({}, udp({ sport: 3000, dport: 69 }, ascii('\0\u0001file\0octet\0')))),
      wan(ip4({ src: WAN_HOST, dst: ROUTER_WAN }, udp({ sport: 4000, dport: 3000 }, pattern(20)))),
      lan(ip4({}, udp({ sport: 3000, dport: 4000 }, pattern(4)))),
    ],
  },
];
