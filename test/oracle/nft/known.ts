/**
 * Where ours is known to differ from Linux: by name of the case, with the reason. Such a case is compared all the same;
 * with many packets it has to differ, or its line has to go. The aim is an empty list.
 */
const FRAGMENT =
  'later fragments: Linux loads 1, 2 or 4 aligned bytes of the transport header without looking at the fragment ' +
  'offset; of IPv6 it takes the network header for it';
const ARP = 'the hooks of ARP are not called';

export const known: Readonly<Record<string, string>> = {
  'payload: protocols with ports and without': FRAGMENT,
  'payload: bytes far behind, where short packets have none': FRAGMENT,
  'payload: fragments, of which all but the first have no header behind IP': FRAGMENT,
  'meta: the type of a packet is set': FRAGMENT,
  'chains: sixteen deep': FRAGMENT,
  'chains: without names': FRAGMENT,
  'mangle: before routing, so that another way is taken':
    'of TCP that is cut before its checksum Linux mends the IP checksum, then leaves the address as it was',
  'mangle: a chain of type route sends another way': 'chains of type route do not route again',
  'arp: what comes in': ARP,
  'arp: what goes out': ARP,
  'arp: a policy that drops': ARP,
  'netdev: egress of a port': 'meta iiftype has a value where packets go out',
  'netdev: ingress and the hooks behind it': 'inet ingress drops what is malformed, before its chain',
};
