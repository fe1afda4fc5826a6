/**
 * Where ours is known to differ from Linux: by name of the case, with the reason as far as it is known. Such a case is
 * compared all the same; with many packets it has to differ, or its line has to go. The aim is an empty list.
 */
const SUM = 'ICMP errors about packets whose checksum, or whose inner part, is wrong';
const AH = 'an IPv6 packet of AH, ESP or of a protocol unknown, tracked as something else';

export const known: Readonly<Record<string, string>> = {
  'flowtable: everything that can be, of UDP at once':
    'Linux 6.1 has a tracker of DCCP, which later ones and ours have not',
  'bridge: connections are tracked': 'fragments on a bridge, which ours does not put together',
  'bridge: rejects what comes in': 'not compared since the answers of bridges are there',
  'nat: source, to one address': 'Linux chooses a port by chance here',
  'nat: redirect to the router itself':
    'a reset that only ours sends, of a connection taken up in its middle',
  'nat: two chains at one hook: the first that translates wins': 'Linux chooses a port by chance here',
  'chains: input, output and forward of a host': SUM,
  'generated: 1.2': SUM,
  'generated: 1.6': AH,
  'generated: 1.11': 'a state of tracking',
  'generated: 1.5': 'a packet that is cut otherwise than it came',
  'generated: 1.20': SUM,
};

/** Rulesets that ours refuses, by the errno it says. One that it takes has to go from here, and is compared from then on. */
export const refused: Readonly<Record<string, string>> = {};
