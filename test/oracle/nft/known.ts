/**
 * Where ours is known to differ from Linux: by name of the case, with the reason as far as it is known. Such a case is
 * compared all the same; with many packets it has to differ, or its line has to go. The aim is an empty list.
 */
const SUM = 'ICMP errors about packets whose checksum, or whose inner part, is wrong';
const ERRORS = 'an ICMP error that only Linux sends';
const AH = 'an IPv6 packet of AH, ESP or of a protocol unknown, tracked as something else';
const SOURCE = 'the address that an ICMP error of the router comes from when its packet was translated';
const EXPIRES = 'ct expiration counts from another moment';

export const known: Readonly<Record<string, string>> = {
  'flowtable: everything that can be, of UDP at once':
    'Linux 6.1 has a tracker of DCCP, which later ones and ours have not',
  'bridge: connections are tracked': 'fragments on a bridge, which ours does not put together',
  'bridge: rejects what comes in': 'not compared since the answers of bridges are there',
  'ct: states of ICMP and its errors': SUM,
  'ct: TCP only from the LAN, with its window watched': AH,
  'ct: a window that is not watched (nf_conntrack_tcp_be_liberal)': ERRORS,
  'ct: status bits': AH,
  'ct: a helper is asked for': 'connections that a helper is asked for are tracked differently',
  'ct: labels': ERRORS,
  'ct: timeouts of a policy': EXPIRES,
  'ct: an expectation that a rule makes': 'a state of tracking',
  'ct: expirations of every state of TCP': EXPIRES,
  'ct: fragments are put together before they are tracked': 'a state of tracking',
  'ct: what the router itself sends and gets': SUM,
  'ct: SCTP, DCCP, UDP-Lite, GRE and the rest': AH,
  'reject: connections that are tracked, each packet of them': 'a state of tracking',
  'nat: masquerade, with a stateful firewall': SUM,
  'nat: destination, both families in inet': SOURCE,
  'nat: destination, to a range of addresses and of ports': 'a state of tracking',
  'nat: of what the router answers and is told':
    'an answer that NAT gives its destination back leaves by the link of before',
  'nat: ICMP errors are translated inside out': SUM,
  'nat: two chains at one hook: the first that translates wins': 'Linux chooses a port by chance here',
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
export const refused: Readonly<Record<string, string>> = {};
