/** IPv6 extension headers (RFC 8200 §4): on the way through, and for the router itself. */
import {
  be32,
  cat,
  destOptions,
  echo6,
  fragment6,
  hopByHop,
  hopByHopLength,
  ip6,
  ipBytes,
  option,
  pattern,
  raw,
  routing,
  tcp,
  u8,
  udp,
} from '../packet.js';
import { lan, type OracleCase } from '../router.js';

const ROUTER = '2001:db8:1::1';
const toUs = { dst: ROUTER };
const PADN = option(1, [0, 0, 0, 0]);
const ROUTER_ALERT = option(5, [0, 0]);
const jumbo = (bytes: number): Uint8Array => option(0xc2, [...be32(bytes)]);

function through(name: string, packet: Uint8Array, out: OracleCase['out']): OracleCase {
  return { name: `IPv6 headers: ${name}`, steps: [lan(packet)], out };
}

/** Both: of a packet that passes through, and of one for the router. */
function both(name: string, parts: Parameters<typeof ip6>[1][], out: OracleCase['out']): OracleCase {
  return { name: `IPv6 headers: ${name}`, steps: [lan(ip6({}, ...parts)), lan(ip6(toUs, ...parts))], out };
}

export const ipv6Headers: readonly OracleCase[] = [
  through('forwards a padded hop-by-hop header', ip6({}, hopByHop(PADN), udp()), { wan0: 1 }),
  through('forwards a router alert', ip6({}, hopByHop(ROUTER_ALERT), udp()), { wan0: 1 }),
  through('forwards an unknown option to be skipped', ip6({}, hopByHop(option(0x1e, [1, 2])), udp()), {
    wan0: 1,
  }),
  through('drops an unknown option to be discarded', ip6({}, hopByHop(option(0x5e, [1, 2])), udp()), {}),
  through(
    'says parameter problem of an unknown option that asks for it',
    ip6({}, hopByHop(option(0x9e, [1, 2])), udp()),
    { lan0: 1 },
  ),
  through(
    'says parameter problem of an unknown option unless multicast',
    ip6({}, hopByHop(option(0xde, [1, 2])), udp()),
    { lan0: 1 },
  ),
  {
    name: 'IPv6 headers: says parameter problem of an unknown option to multicast only for the third kind',
    steps: [
      lan(ip6({ dst: 'ff02::1' }, hopByHop(option(0x9e, [1, 2])), udp())),
      lan(ip6({ dst: 'ff02::1' }, hopByHop(option(0xde, [1, 2])), udp())),
    ],
    out: { lan0: 1 },
  },
  through(
    'points at an unknown option behind others',
    ip6({}, hopByHop(ROUTER_ALERT, PADN, option(0x9e, [1])), udp()),
    { lan0: 1 },
  ),
  through('drops a router alert of a wrong length', ip6({}, hopByHop(option(5, [0, 0, 0])), udp()), {}),
  through('drops a hop-by-hop header longer than the packet', ip6({}, hopByHopLength(20, PADN), udp()), {}),
  through('drops an option longer than its header', ip6({}, hopByHop(u8(0x1e, 40, 0, 0)), udp()), {}),
  through(
    'drops padding of more than 7 bytes',
    ip6({}, hopByHop(option(1, [0, 0, 0, 0, 0, 0, 0, 0])), udp()),
    {},
  ),
  through('drops padding that is not zero', ip6({}, hopByHop(option(1, [0, 1, 0, 0])), udp()), {}),
  through(
    'drops more than one run of padding longer than 7',
    ip6({}, hopByHop(u8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)), udp()),
    {},
  ),
  through('says parameter problem of a jumbo payload that is none', ip6({}, hopByHop(jumbo(100)), udp()), {
    lan0: 1,
  }),
  through(
    'says parameter problem of a jumbo option beside a payload length',
    ip6({}, hopByHop(jumbo(70000)), udp()),
    { lan0: 1 },
  ),
  through('drops a jumbo payload beyond the frame', ip6({ length: 0 }, hopByHop(jumbo(70000)), udp()), {}),
  through('forwards destination options unread', ip6({}, destOptions(option(0x9e, [1, 2])), udp()), {
    wan0: 1,
  }),
  through(
    'forwards a routing header unread',
    ip6({}, routing(0, 1, cat(be32(0), ipBytes('2001:db8:3::7'))), udp()),
    { wan0: 1 },
  ),
  through(
    'forwards a hop-by-hop header in a wrong place unread',
    ip6({}, destOptions(PADN), hopByHop(option(0x9e, [1])), udp()),
    { wan0: 1 },
  ),
  through('forwards a fragment unread', ip6({}, fragment6(0, true), raw(17, pattern(64))), { wan0: 1 }),
  through('forwards a last header of none', ip6({}, hopByHop(PADN)), { wan0: 1 }),
  through(
    'says time exceeded of a packet with headers',
    ip6({ hops: 1 }, hopByHop(PADN), destOptions(PADN), udp()),
    { lan0: 1 },
  ),
  through(
    'says no route of a packet with headers',
    ip6({ dst: '2001:db8:99::1' }, destOptions(PADN), udp()),
    { lan0: 1 },
  ),
  through('answers an echo request behind a hop-by-hop header', ip6(toUs, hopByHop(PADN), echo6()), {
    lan0: 1,
  }),
  through('answers an echo request behind destination options', ip6(toUs, destOptions(PADN), echo6()), {
    lan0: 1,
  }),
  through(
    'answers an echo request behind both and an empty routing header',
    ip6(
      toUs,
      hopByHop(PADN),
      destOptions(PADN),
      routing(0, 0, cat(be32(0), ipBytes('2001:db8:3::7'))),
      echo6(),
    ),
    { lan0: 1 },
  ),
  both('says port unreachable behind destination options, and quotes them', [destOptions(PADN), udp()], {
    wan0: 1,
    lan0: 1,
  }),
  both('resets TCP behind destination options', [destOptions(PADN), tcp()], { wan0: 1, lan0: 1 }),
  through(
    'drops an unknown destination option to be discarded',
    ip6(toUs, destOptions(option(0x5e, [1])), echo6()),
    {},
  ),
  through(
    'says parameter problem of an unknown destination option',
    ip6(toUs, destOptions(option(0x9e, [1])), echo6()),
    { lan0: 1 },
  ),
  through(
    'says parameter problem of an unknown destination option to unicast',
    ip6(toUs, destOptions(option(0xde, [1])), echo6()),
    { lan0: 1 },
  ),
  through(
    'says parameter problem of a second hop-by-hop header',
    ip6(toUs, hopByHop(PADN), hopByHop(PADN), echo6()),
    { lan0: 1 },
  ),
  through(
    'says parameter problem of a hop-by-hop header behind destination options',
    ip6(toUs, destOptions(PADN), hopByHop(PADN), echo6()),
    { lan0: 1 },
  ),
  through(
    'says parameter problem of a routing header of type 0',
    ip6(toUs, routing(0, 1, cat(be32(0), ipBytes('2001:db8:3::7'))), echo6()),
    { lan0: 1 },
  ),
  through(
    'says parameter problem of an unknown routing header',
    ip6(toUs, routing(99, 1, be32(0)), echo6()),
    { lan0: 1 },
  ),
  through(
    'skips an unknown routing header without segments left',
    ip6(toUs, routing(99, 0, be32(0)), echo6()),
    { lan0: 1 },
  ),
  through(
    'says parameter problem of a routing header of type 2',
    ip6(toUs, routing(2, 1, cat(be32(0), ipBytes('2001:db8:3::7'))), echo6()),
    { lan0: 1 },
  ),
  through(
    'skips a routing header of type 2 without segments left',
    ip6(toUs, routing(2, 0, cat(be32(0), ipBytes('2001:db8:3::7'))), echo6()),
    { lan0: 1 },
  ),
  through(
    'drops a segment routing header while seg6 is off',
    ip6(toUs, routing(4, 0, cat(be32(0), ipBytes('2001:db8:3::7'))), echo6()),
    {},
  ),
  through(
    'drops a routing header longer than the packet',
    ip6(toUs, raw(43, u8(58, 40, 0, 0, 0, 0, 0, 0))),
    {},
  ),
  through(
    'drops destination options longer than the packet',
    ip6(toUs, raw(60, u8(58, 40, 1, 4, 0, 0, 0, 0))),
    {},
  ),
  through('says nothing of no next header', ip6(toUs), {}),
  through('says nothing of no next header behind options', ip6(toUs, destOptions(PADN)), {}),
  through('says unknown next header', ip6(toUs, raw(253, pattern(40))), { lan0: 1 }),
  through(
    'points at an unknown next header behind options',
    ip6(toUs, destOptions(PADN), raw(253, pattern(40))),
    { lan0: 1 },
  ),
  through('says unknown next header of an IPv4 protocol', ip6(toUs, raw(1, pattern(40))), { lan0: 1 }),
];
