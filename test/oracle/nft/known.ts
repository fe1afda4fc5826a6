/**
 * Where ours is known to differ from Linux: by name of the case, with the reason as far as it is known. Such a case is
 * compared all the same; with many packets it has to differ, or its line has to go. The aim is an empty list.
 */
const SUM = 'ICMP errors about packets whose checksum, or whose inner part, is wrong';
const CUT =
  'TCP and fragments whose bytes end early: what is in the way of a short header, or of padding behind it';
const SACK = 'flags and window scale that tracking keeps of a SYN (CTA_PROTOINFO_TCP_FLAGS_*, _WSCALE_*)';
const AH = 'an IPv6 packet of AH, ESP or of a protocol unknown, tracked as something else';
const SOURCE = 'the address that an ICMP error of the router comes from when its packet was translated';
const ARP = 'the hooks of ARP: what is cut off is seen, and what goes out without its Ethernet header';
const EXPIRES = 'ct expiration counts from another moment';
const FIB = 'fib of an address with a device: IPv4 that is ours on another one; IPv6 with a mark';

export const known: Readonly<Record<string, string>> = {
  'meta: protocols, lengths, types': 'meta rtclassid has no value',
  'meta: priority is set, by number and by map': 'the priority that forwarding sets by TOS (rt_tos2priority)',
  'rt: clamps the MSS to the path': 'rt tcpmss: the MTU of the way back counts as well',
  'fib: types of addresses': FIB,
  'fib: looked up with the mark': FIB,
  'ct: states of ICMP and its errors': SUM,
  'ct: TCP only from the LAN, with its window watched': AH,
  'ct: a window that is not watched (nf_conntrack_tcp_be_liberal)': SACK,
  'ct: status bits': AH,
  'ct: a helper is asked for': 'connections that a helper is asked for are tracked differently',
  'ct: labels': SACK,
  'ct: timeouts of a policy': EXPIRES,
  'ct: an expectation that a rule makes': SACK,
  'ct: expirations of every state of TCP': EXPIRES,
  'ct: fragments are put together before they are tracked': CUT,
  'ct: what the router itself sends and gets': SUM,
  'ct: SCTP, DCCP, UDP-Lite, GRE and the rest': AH,
  'sets: elements that packets take out again': 'dynset delete',
  'reject: with everything there is of IPv6': SUM,
  'reject: what is for the router': SUM,
  'reject: before routing': SOURCE,
  'reject: connections that are tracked, each packet of them': CUT,
  'mangle: options of TCP': CUT,
  'mangle: options of TCP taken out': CUT,
  'nat: masquerade, with a stateful firewall': SUM,
  'nat: destination, both families in inet': SOURCE,
  'nat: destination, to a range of addresses and of ports': SACK,
  'nat: masquerade to a port': SACK,
  'nat: hairpin': SOURCE,
  'nat: of what the router answers and is told':
    'a chain of type nat without an expression of tracking tracks',
  'nat: ICMP errors are translated inside out': SUM,
  'nat: protocols without ports': AH,
  'nat: two chains at one hook: the first that translates wins': 'Linux chooses a port by chance here',
  'arp: what comes in': ARP,
  'arp: what goes out': ARP,
  'arp: a policy that drops': ARP,
  'chains: input, output and forward of a host': SUM,
  'nat: prefixes': SOURCE,
  'generated: 1.2': SUM,
  'generated: 1.6': AH,
  'generated: 1.10': 'a connection that Linux does not make',
  'generated: 1.11': 'a state of tracking',
  'generated: 1.17': 'ct packets',
  'generated: 1.18': SUM,
  'generated: 1.19': 'a state of tracking',
  'generated: 1.20': SUM,
  'generated: 1.8': EXPIRES,
  'generated: 1.14': AH,
};

/** Rulesets that ours refuses, by the errno it says. One that it takes has to go from here, and is compared from then on. */
export const refused: Readonly<Record<string, string>> = {
  'rt: the next hop and the MTU of the route': 'EOPNOTSUPP',
  'maps: to a mark, to an address, to a name': 'ENOTEMPTY',
};
