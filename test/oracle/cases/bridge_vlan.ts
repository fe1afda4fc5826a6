/**
 * A bridge of both ports that filters by VLAN, with 192.0.2.1 on the bridge itself, in VLAN 1, and 10.0.5.1 on its VLAN 5:
 *
 *   host a ── lan0 ┐ br0 ┌ wan0 ── host b
 */
import { arp, echo, ETH_P_ARP, ip4, pattern, udp } from '../packet.js';
import { lan, type OracleCase, type Setup, type Step, tagged, wan } from '../router.js';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const STP_GROUP = '01:80:c2:00:00:00';
const LLDP_GROUP = '01:80:c2:00:00:0e';
const BRIDGE_MAC = '02:00:00:00:01:01';
const S_TAG = { tpid: 0x88a8 };

const base = (options = ''): string[] => [
  `link add br0 type bridge vlan_filtering 1 mcast_snooping 0 forward_delay 0${options}`,
  'link set lan0 master br0',
  'link set wan0 master br0',
  'link set br0 up',
  'addr add 192.0.2.1/24 brd 192.0.2.255 dev br0',
  'neigh add 192.0.2.2 lladdr 02:00:00:00:00:0a dev br0 nud permanent',
];
const SERVICE = ' vlan_protocol 802.1ad';
const SERVICE_MARKER = { id: 1, tpid: 0x88a8 };
const NONE = ' vlan_filtering 0';

/** Members of VLAN 5, by port: tagged, or untagged with PVID. */
const TRUNK_LAN = 'vlan add vid 5 dev lan0';
const TRUNK_WAN = 'vlan add vid 5 dev wan0';
const ACCESS_LAN = 'vlan add vid 5 dev lan0 pvid untagged';
/** Lines after which VLAN 1 is tagged on its way in from the LAN. */
const TAKES_PVID = /vid 5 dev lan0 pvid|vid 1 dev lan0$/;
const SELF = 'vlan add vid 5 dev br0 self';
const VLAN_LINK = [
  'link add link br0 name br0.5 type vlan id 5',
  'link set br0.5 up',
  'addr add 10.0.5.1/24 brd 10.0.5.255 dev br0.5',
  'neigh add 10.0.5.2 lladdr 02:00:00:00:00:0a dev br0.5 nud permanent',
];

/** A datagram that the bridge itself is not meant to have. */
const packet = ip4({ src: '192.0.2.2', dst: '192.0.2.3' }, udp({}, pattern(30)));
const toB: Step = lan(packet, { src: A, dst: B });
const toA: Step = wan(packet, { src: B, dst: A });
const toAll: Step = lan(packet, { src: A, dst: BROADCAST });
const ask = (tpa: string): Step =>
  lan(arp({ sha: A, spa: tpa.replace(/1$/, '2'), tpa }), { type: ETH_P_ARP, src: A, dst: BROADCAST });

function one(
  name: string,
  steps: Step | Step[],
  bridge: string[],
  out: OracleCase['out'] = {},
  more: Setup = {},
): OracleCase {
  return {
    name: `Bridge VLANs: ${name}`,
    needs: 'bridge-vlan',
    setup: {
      base: base(),
      bridge,
      ...(bridge.some((line) => TAKES_PVID.test(line)) && { marker: { id: 1 } }),
      ...more,
    },
    steps: [steps].flat(),
    out,
  };
}

export const bridgeVlanCases: readonly OracleCase[] = [
  one('sends untagged frames on in the default VLAN', toB, [], { wan0: 1 }),
  one('floods a broadcast in the default VLAN', toAll, [], { wan0: 1 }),
  one('drops a tag of a VLAN that the port is no member of', tagged(toB, 5), [TRUNK_WAN]),
  one('drops a frame for a port that is no member of its VLAN', tagged(toB, 5), [TRUNK_LAN]),
  one('sends tagged frames on from trunk to trunk', tagged(toB, 5), [TRUNK_LAN, TRUNK_WAN], { wan0: 1 }),
  one('floods a broadcast from trunk to trunk', tagged(toAll, 5), [TRUNK_LAN, TRUNK_WAN], { wan0: 1 }),
  one(
    'keeps the priority from trunk to trunk',
    tagged(toB, 5, { pcp: 6, dei: true }),
    [TRUNK_LAN, TRUNK_WAN],
    { wan0: 1 },
  ),
  one('tags for the trunk what an access port received', toB, [ACCESS_LAN, TRUNK_WAN], { wan0: 1 }),
  one('takes the tag off for an access port', tagged(toA, 5), [ACCESS_LAN, TRUNK_WAN], { lan0: 1 }),
  one(
    'takes the tag and its priority off for an access port',
    tagged(toA, 5, { pcp: 7 }),
    [ACCESS_LAN, TRUNK_WAN],
    { lan0: 1 },
  ),
  one('takes a priority tag for the VLAN of the port', tagged(toB, 0, { pcp: 5 }), [ACCESS_LAN, TRUNK_WAN], {
    wan0: 1,
  }),
  one('takes a priority tag off in the default VLAN', tagged(toB, 0, { pcp: 5 }), [], { wan0: 1 }),
  one('drops untagged frames of a port without PVID', toB, ['vlan add vid 1 dev lan0']),
  one('takes an explicit tag of the default VLAN off', tagged(toB, 1), [], { wan0: 1 }),
  one('sends the default VLAN tagged where it is not untagged', toB, ['vlan add vid 1 dev wan0'], {
    wan0: 1,
  }),
  one(
    'knows an address by VLAN',
    [tagged(lan(packet, { src: B, dst: A }), 5), tagged(toB, 5), toB],
    [TRUNK_LAN, TRUNK_WAN],
    {
      wan0: 2,
    },
  ),
  one('sends nothing back to the port of an address', [lan(packet, { src: B, dst: A }), toB], [], {
    wan0: 1,
  }),
  one(
    'sends on what is for the spanning tree while it takes no part in it',
    lan(packet, { src: A, dst: STP_GROUP }),
    [],
    {
      wan0: 1,
    },
  ),
  ...[0, 1, 2, 3, 4].flatMap((state) => [
    one(
      `a VLAN in state ${state} where the frame comes in`,
      [tagged(toB, 5), toB, tagged(toA, 5)],
      [TRUNK_LAN, TRUNK_WAN, `vlan set vid 5 dev lan0 state ${state}`],
      state === 3 ? { lan0: 1, wan0: 2 } : { wan0: 1 },
    ),
    one(
      `a VLAN in state ${state} where the frame goes out`,
      [tagged(toB, 5), tagged(toAll, 5), toB],
      [TRUNK_LAN, TRUNK_WAN, `vlan set vid 5 dev wan0 state ${state}`],
      { wan0: state === 3 ? 3 : 1 },
    ),
  ]),
  one(
    'the PVID in state blocking, as untagged frames meet it',
    [toB, tagged(toB, 5)],
    [ACCESS_LAN, TRUNK_WAN, 'vlan set vid 5 dev lan0 state 4'],
  ),
  one('keeps to itself what is for its neighbours', lan(packet, { src: A, dst: LLDP_GROUP }), []),
  one('answers ARP in the default VLAN', ask('192.0.2.1'), [], { lan0: 1, wan0: 1 }),
  one(
    'answers an echo request in the default VLAN',
    lan(ip4({ dst: '192.0.2.1' }, echo()), { src: A, dst: BRIDGE_MAC }),
    [],
    {
      lan0: 1,
    },
  ),
  one(
    'answers ARP of a VLAN on the bridge',
    tagged(ask('10.0.5.1'), 5),
    [TRUNK_LAN, TRUNK_WAN, SELF],
    { lan0: 1, wan0: 1 },
    { ip: VLAN_LINK },
  ),
  one(
    'answers ARP of an access port on the bridge',
    ask('10.0.5.1'),
    [ACCESS_LAN, SELF],
    { lan0: 1 },
    { ip: VLAN_LINK },
  ),
  one(
    'answers no ARP of a VLAN that the bridge itself is no member of',
    tagged(ask('10.0.5.1'), 5),
    [TRUNK_LAN, TRUNK_WAN],
    { wan0: 1 },
    { ip: VLAN_LINK },
  ),
  one(
    'routes between the VLANs of the bridge',
    lan(ip4({ src: '192.0.2.2', dst: '10.0.5.2' }, udp()), { src: A, dst: BRIDGE_MAC }),
    [TRUNK_LAN, SELF],
    { lan0: 1 },
    { ip: VLAN_LINK },
  ),
  one('takes a service tag for a part of the frame', tagged(toB, 5, S_TAG), [], { wan0: 1 }),
  one(
    'filters by service tags',
    tagged(toB, 5, S_TAG),
    [TRUNK_LAN, TRUNK_WAN],
    { wan0: 1 },
    { base: base(SERVICE) },
  ),
  one(
    'drops service tags that are not allowed',
    tagged(toB, 6, S_TAG),
    [TRUNK_LAN, TRUNK_WAN],
    {},
    { base: base(SERVICE) },
  ),
  one(
    'puts a customer tag within a service tag',
    tagged(toB, 7),
    [ACCESS_LAN, TRUNK_WAN],
    { wan0: 1 },
    { base: base(SERVICE), marker: SERVICE_MARKER },
  ),
  one(
    'takes the service tag off a customer tag',
    tagged(tagged(toA, 7), 5, S_TAG),
    [ACCESS_LAN, TRUNK_WAN],
    { lan0: 1 },
    { base: base(SERVICE), marker: SERVICE_MARKER },
  ),
  one(
    'sends all tags on when it does not filter',
    tagged(toB, 5),
    [],
    { wan0: 1 },
    { base: base().map((line) => line.replace(' vlan_filtering 1', NONE)) },
  ),
  one(
    'has no VLAN at all without a default one',
    toB,
    ['vlan add vid 1 dev lan0', 'vlan add vid 1 dev br0 self pvid untagged'],
    {},
    {
      base: base(' vlan_default_pvid 0'),
    },
  ),
];
