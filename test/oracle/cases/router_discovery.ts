/** Router solicitations and advertisements that a router hears (RFC 4861 §6), and what it does by them. */
import { be16, be32, cat, echo6, icmp6, ip6, mac, ndOption, pattern, u8, udp, WAN_HOST6 } from '../packet.js';
import { mtuOption, prefixInfo, type Ra, routeInfo } from '../router_advertisement.js';
import { type EtherFields, lan, type OracleCase, type Setup, type Step, wait, wan } from '../router.js';

const OTHER = '2001:db8:1::50';
const OTHER_MAC = '02:00:00:00:01:50';
const ROUTER = 'fe80::50';
const SECOND = 'fe80::51';
const SECOND_MAC = '02:00:00:00:01:51';
const ours: EtherFields = { src: OTHER_MAC };
const slla = (address = OTHER_MAC): Uint8Array => ndOption(1, mac(address));
/** Takes advertisements although it forwards. */
const TAKES: Setup = { sysctl: { 'net.ipv6.conf.lan0.accept_ra': 2 } };
const takes = (more: Readonly<Record<string, number>>): Setup => ({ sysctl: { ...TAKES.sysctl, ...more } });

interface Header {
  src?: string;
  dst?: string;
  hops?: number;
  code?: number;
}

function rs(header: Header = {}, options = slla()): Step {
  const packet = ip6(
    { src: header.src ?? OTHER, dst: header.dst ?? 'ff02::2', hops: header.hops ?? 255 },
    icmp6(133, header.code ?? 0, be32(0), options),
  );
  return lan(packet, ours);
}

function ra(fields: Ra & Header = {}, ...options: readonly Uint8Array[]): Step {
  const rest = cat(u8(64, fields.flags ?? 0), be16(fields.lifetime ?? 1800));
  const mine = fields.src === SECOND ? SECOND_MAC : OTHER_MAC;
  const body = cat(be32(fields.reachable ?? 0, fields.retrans ?? 0), slla(mine), ...options);
  const packet = ip6(
    { src: fields.src ?? ROUTER, dst: 'ff02::1', hops: fields.hops ?? 255 },
    icmp6(134, fields.code ?? 0, rest, body),
  );
  return lan(packet, { src: mine });
}

/** To the host that solicits: goes without question when the router knows it. */
const toOther = wan(ip6({ src: WAN_HOST6, dst: OTHER }, udp({}, pattern(20))));
const toNowhere = wan(ip6({ src: WAN_HOST6, dst: '2001:db8:99::1' }, udp({}, pattern(20))));
const to = (dst: string, n = 20): Step => wan(ip6({ src: WAN_HOST6, dst }, udp({}, pattern(n))));
/** The advertising router pings: the answer needs its address. */
const ping = lan(ip6({ src: ROUTER, dst: 'fe80::1' }, echo6()), ours);

function one(name: string, setup: Setup, steps: readonly Step[], out: OracleCase['out']): OracleCase {
  return { name: `Router discovery: ${name}`, setup, steps, out };
}

export const routerDiscovery: readonly OracleCase[] = [
  one('learns who solicits', {}, [rs(), toOther], { lan0: 1 }),
  one('learns nobody from a solicitation without an address', {}, [rs({ src: '::' }, u8()), toOther], {
    lan0: 1,
  }),
  one('learns nobody from a solicitation that crossed a router', {}, [rs({ hops: 254 }), toOther], {
    lan0: 1,
  }),
  one('learns nobody from a solicitation with a code', {}, [rs({ code: 1 }), toOther], { lan0: 1 }),
  one('learns nobody from an option of length 0', {}, [rs({}, u8(1, 0, 2, 0, 0, 0, 1, 80)), toOther], {
    lan0: 1,
  }),
  one(
    'learns nobody who solicits while it does not forward',
    { sysctl: { 'net.ipv6.conf.lan0.forwarding': 0 } },
    [rs(), lan(ip6({ src: OTHER, dst: '2001:db8:1::1' }, echo6()), ours)],
    { lan0: 1 },
  ),
  one('knows who advertises though it takes nothing from it', {}, [ra(), ping], { lan0: 1 }),
  one(
    'takes no default route while accept_ra is 1',
    { sysctl: { 'net.ipv6.conf.lan0.accept_ra': 1 } },
    [ra(), toNowhere],
    {
      wan0: 1,
    },
  ),
  one('takes a default route when accept_ra is 2', TAKES, [ra(), toNowhere], { lan0: 1 }),
  one('takes no default route of lifetime 0', TAKES, [ra({ lifetime: 0 }), toNowhere], { wan0: 1 }),
  one(
    'drops the default route on an advertisement of lifetime 0',
    TAKES,
    [ra(), ra({ lifetime: 0 }), toNowhere],
    {
      wan0: 1,
    },
  ),
  one(
    'takes no default route with accept_ra_defrtr 0',
    takes({ 'net.ipv6.conf.lan0.accept_ra_defrtr': 0 }),
    [ra(), toNowhere],
    {
      wan0: 1,
    },
  ),
  one(
    'takes no default route below accept_ra_min_lft',
    takes({ 'net.ipv6.conf.lan0.accept_ra_min_lft': 1801 }),
    [ra(), toNowhere],
    {
      wan0: 1,
    },
  ),
  one('takes nothing from an address that is not link-local', TAKES, [ra({ src: OTHER }), toNowhere], {
    wan0: 1,
  }),
  one('takes nothing that crossed a router', TAKES, [ra({ hops: 254 }), toNowhere], { wan0: 1 }),
  one('takes nothing with a code', TAKES, [ra({ code: 1 }), toNowhere], { wan0: 1 }),
  one('takes nothing with an option of length 0', TAKES, [ra({}, u8(5, 0, 0, 0, 0, 0, 5, 0)), toNowhere], {
    wan0: 1,
  }),
  one('takes nothing from its own address', TAKES, [ra({ src: 'fe80::1' }), toNowhere], { wan0: 1 }),
  one(
    'goes by the router of high preference',
    TAKES,
    [ra({ flags: 0x18 }), ra({ src: SECOND, flags: 0x08 }), toNowhere],
    {
      lan0: 1,
    },
  ),
  one(
    'takes a reserved preference for medium',
    TAKES,
    [ra({ flags: 0x18 }), ra({ src: SECOND, flags: 0x10 }), toNowhere],
    {
      lan0: 1,
    },
  ),
  one(
    'goes by a prefix on the link',
    TAKES,
    [ra({ lifetime: 0 }, prefixInfo('2001:db8:77::', 900, 900, 0x80)), to('2001:db8:77::5')],
    {
      lan0: 1,
    },
  ),
  one(
    'goes by no prefix that lives longer preferred than valid',
    TAKES,
    [ra({ lifetime: 0 }, prefixInfo('2001:db8:77::', 800, 900, 0x80)), to('2001:db8:77::5')],
    { wan0: 1 },
  ),
  one(
    'goes by no prefix whose valid lifetime ended',
    TAKES,
    [
      ra({ lifetime: 0 }, prefixInfo('2001:db8:77::', 900, 900, 0x80)),
      ra({ lifetime: 0 }, prefixInfo('2001:db8:77::', 0, 0, 0x80)),
      to('2001:db8:77::5'),
    ],
    { wan0: 1 },
  ),
  one(
    'goes by no prefix with accept_ra_pinfo 0',
    takes({ 'net.ipv6.conf.lan0.accept_ra_pinfo': 0 }),
    [ra({ lifetime: 0 }, prefixInfo('2001:db8:77::', 900, 900, 0x80)), to('2001:db8:77::5')],
    { wan0: 1 },
  ),
  one(
    'makes itself an address of a prefix, and answers there',
    takes({ 'net.ipv6.conf.lan0.accept_dad': 0 }),
    [
      ra({ lifetime: 0 }, prefixInfo('2001:db8:77::', 900, 900)),
      // Linux finishes an address by a work queue.
      wait(300),
      lan(ip6({ dst: '2001:db8:77:0:0:ff:fe00:101' }, echo6())),
    ],
    { lan0: 1 },
  ),
  one(
    'makes itself no address of a prefix of 63 bits',
    TAKES,
    [
      ra({ lifetime: 0 }, prefixInfo('2001:db8:76::', 900, 900, 0xc0, 63)),
      lan(ip6({ dst: '2001:db8:76:0:0:ff:fe00:101' }, echo6())),
    ],
    { lan0: 2 },
  ),
  one(
    'takes a route within accept_ra_rt_info_max_plen',
    takes({ 'net.ipv6.conf.lan0.accept_ra_rt_info_max_plen': 64 }),
    [ra({ lifetime: 0 }, routeInfo('2001:db8:88::', 48, 900)), to('2001:db8:88::5')],
    { lan0: 1 },
  ),
  one(
    'takes no route by default',
    TAKES,
    [ra({ lifetime: 0 }, routeInfo('2001:db8:88::', 48, 900)), to('2001:db8:88::5')],
    {
      wan0: 1,
    },
  ),
  one(
    'takes no route below accept_ra_rt_info_min_plen',
    takes({
      'net.ipv6.conf.lan0.accept_ra_rt_info_max_plen': 64,
      'net.ipv6.conf.lan0.accept_ra_rt_info_min_plen': 49,
    }),
    [ra({ lifetime: 0 }, routeInfo('2001:db8:88::', 48, 900)), to('2001:db8:88::5')],
    { wan0: 1 },
  ),
  one(
    'takes no route of reserved preference',
    takes({ 'net.ipv6.conf.lan0.accept_ra_rt_info_max_plen': 64 }),
    [ra({ lifetime: 0 }, routeInfo('2001:db8:88::', 48, 900, 2)), to('2001:db8:88::5')],
    { wan0: 1 },
  ),
  one(
    'drops a route whose lifetime ended',
    takes({ 'net.ipv6.conf.lan0.accept_ra_rt_info_max_plen': 64 }),
    [
      ra({ lifetime: 0 }, routeInfo('2001:db8:88::', 48, 900)),
      ra({ lifetime: 0 }, routeInfo('2001:db8:88::', 48, 0)),
      to('2001:db8:88::5'),
    ],
    { wan0: 1 },
  ),
  one('takes the MTU of the link', TAKES, [ra({}, mtuOption(1300)), to('2001:db8:1::2', 1300)], { wan0: 1 }),
  one('takes no MTU below 1280', TAKES, [ra({}, mtuOption(1279)), to('2001:db8:1::2', 1300)], { lan0: 1 }),
  one('takes no MTU above that of the device', TAKES, [ra({}, mtuOption(1501)), to('2001:db8:1::2', 1400)], {
    lan0: 1,
  }),
  one(
    'takes no MTU with accept_ra_mtu 0',
    takes({ 'net.ipv6.conf.lan0.accept_ra_mtu': 0 }),
    [ra({}, mtuOption(1300)), to('2001:db8:1::2', 1300)],
    { lan0: 1 },
  ),
];
