/** IPv4 options (RFC 791 §3.1, RFC 1812 §5.2.4): what the router writes into them, refuses and copies. */
import { be16, be32, cat, echo, ip4, ipBytes, LAN_HOST, u8, udp } from '../packet.js';
import { lan, type OracleCase } from '../router.js';

const ROUTER = '192.0.2.1';
const RR = 7;
const TIMESTAMP = 68;
const SECURITY = 130;
const LSRR = 131;
const SSRR = 137;
const ROUTER_ALERT = 148;

/** Padded with end-of-list to whole words. */
function options(...parts: readonly Uint8Array[]): Uint8Array {
  const all = cat(...parts);
  return cat(all, new Uint8Array((4 - (all.length % 4)) % 4));
}

function addresses(type: number, pointer: number, ...list: readonly string[]): Uint8Array {
  return u8(type, 3 + 4 * list.length, pointer, ...list.flatMap((address) => [...ipBytes(address)]));
}

const empty = (n: number): string[] => new Array<string>(n).fill('0.0.0.0');

function forwarded(name: string, list: Uint8Array, out: OracleCase['out']): OracleCase {
  return { name: `IPv4 options: ${name}`, steps: [lan(ip4({ options: list }, udp()))], out };
}

function answered(name: string, list: Uint8Array, out: OracleCase['out']): OracleCase {
  return { name: `IPv4 options: ${name}`, steps: [lan(ip4({ dst: ROUTER, options: list }, echo()))], out };
}

export const ipv4Options: readonly OracleCase[] = [
  forwarded('forwards no-operation and end of list as they are', u8(1, 1, 1, 0), { wan0: 1 }),
  forwarded('records its route', options(addresses(RR, 4, ...empty(3))), { wan0: 1 }),
  forwarded('records its route behind another', options(addresses(RR, 8, '10.0.0.1', ...empty(2))), {
    wan0: 1,
  }),
  forwarded('forwards a full route record as it is', options(addresses(RR, 12, '10.0.0.1', '10.0.0.2')), {
    wan0: 1,
  }),
  forwarded('refuses a route record whose room is no whole address', options(u8(RR, 5, 4, 0, 0)), {
    lan0: 1,
  }),
  forwarded('refuses a route record whose pointer is too small', options(addresses(RR, 3, ...empty(2))), {
    lan0: 1,
  }),
  forwarded('refuses a route record without a pointer', options(u8(RR, 2)), { lan0: 1 }),
  forwarded(
    'refuses two route records',
    options(addresses(RR, 4, ...empty(1)), addresses(RR, 4, ...empty(1))),
    { lan0: 1 },
  ),
  forwarded('refuses an option longer than the header', u8(RR, 20, 4, 0), { lan0: 1 }),
  forwarded('refuses an option of length 1', u8(RR, 1, 4, 0), { lan0: 1 }),
  forwarded('refuses an option cut before its length', u8(1, 1, 1, RR), { lan0: 1 }),
  forwarded('forwards an unknown option as it is', options(u8(0x5e, 6, 1, 2, 3, 4)), { wan0: 1 }),
  forwarded(
    'forwards a security option as it is',
    options(u8(SECURITY, 11, ...new Array<number>(9).fill(1))),
    { wan0: 1 },
  ),
  forwarded('forwards a router alert', u8(ROUTER_ALERT, 4, 0, 0), { wan0: 1 }),
  forwarded('refuses a short router alert', u8(ROUTER_ALERT, 3, 0, 0), { lan0: 1 }),
  forwarded('counts an overflow when the timestamps are full', options(u8(TIMESTAMP, 8, 9, 0), be32(5)), {
    wan0: 1,
  }),
  forwarded(
    'refuses a timestamp option whose overflow count is full',
    options(u8(TIMESTAMP, 8, 9, 0xf0), be32(5)),
    { lan0: 1 },
  ),
  forwarded('refuses a timestamp option of 3 bytes', options(u8(TIMESTAMP, 3, 5)), { lan0: 1 }),
  forwarded('refuses a timestamp pointer below 5', options(u8(TIMESTAMP, 8, 4, 0), be32(0)), { lan0: 1 }),
  forwarded(
    'writes no prespecified timestamp of another',
    options(u8(TIMESTAMP, 12, 5, 3), ipBytes('10.0.0.1'), be32(0)),
    { wan0: 1 },
  ),
  forwarded('forwards an unknown kind of timestamp as it is', options(u8(TIMESTAMP, 12, 5, 2), be32(0, 0)), {
    wan0: 1,
  }),
  forwarded(
    'drops a loose source route that leads elsewhere',
    options(addresses(LSRR, 4, '203.0.113.7')),
    {},
  ),
  forwarded(
    'refuses two source routes',
    options(addresses(LSRR, 4, '203.0.113.7'), addresses(SSRR, 4, '203.0.113.7')),
    { lan0: 1 },
  ),
  {
    name: 'IPv4 options: drops a source route through it unless told to accept them',
    steps: [lan(ip4({ dst: ROUTER, options: options(addresses(LSRR, 4, '198.51.100.2')) }, udp()))],
    out: {},
  },
  {
    name: 'IPv4 options: follows a loose source route when told to accept them',
    setup: {
      sysctl: { 'net.ipv4.conf.all.accept_source_route': 1, 'net.ipv4.conf.lan0.accept_source_route': 1 },
    },
    steps: [lan(ip4({ dst: ROUTER, options: options(addresses(LSRR, 4, '198.51.100.2')) }, udp()))],
    out: { wan0: 1 },
  },
  {
    name: 'IPv4 options: says source route failed when a strict one is not on its link',
    setup: {
      sysctl: { 'net.ipv4.conf.all.accept_source_route': 1, 'net.ipv4.conf.lan0.accept_source_route': 1 },
    },
    steps: [lan(ip4({ dst: ROUTER, options: options(addresses(SSRR, 4, '203.0.113.7')) }, udp()))],
    out: { lan0: 1 },
  },
  answered('records its route in an echo reply', options(addresses(RR, 4, ...empty(4))), { lan0: 1 }),
  answered('echoes a full route record', options(addresses(RR, 8, '10.0.0.1')), { lan0: 1 }),
  answered('echoes no-operations not at all', u8(1, 1, 1, 1), { lan0: 1 }),
  answered('echoes a router alert', u8(ROUTER_ALERT, 4, 0, 0), { lan0: 1 }),
  answered('echoes an unknown option not at all', options(u8(0x5e, 6, 1, 2, 3, 4)), { lan0: 1 }),
  {
    name: 'IPv4 options: puts the route record of the packet into its time exceeded',
    steps: [lan(ip4({ ttl: 1, options: options(addresses(RR, 4, ...empty(3))) }, udp()))],
    out: { lan0: 1 },
  },
  {
    name: 'IPv4 options: records the address of the way out that was asked for by none',
    setup: { ip: ['addr add 198.51.100.77/24 dev wan0'] },
    steps: [
      lan(ip4({ src: LAN_HOST, options: options(addresses(RR, 4, ...empty(1)), u8(1), be16(0)) }, udp())),
    ],
    out: { wan0: 1 },
  },
];
