/**
 * Where ours is known to differ from Linux: by name of the case, with the reason as far as it is known. Such a case is
 * compared all the same; with many packets it has to differ, or its line has to go. The aim is an empty list.
 */
const UNREACHABLE = 'a port unreachable that only ours sends, for UDP with a right sum; why is not found yet';
const CUT = 'a tracked packet that is cut otherwise than it came; not traced yet';

export const known: Readonly<Record<string, string>> = {
  'flowtable: everything that can be, of UDP at once':
    'Linux 6.1 has a tracker of DCCP, which later ones and ours have not',
  'bridge: connections are tracked': 'fragments on a bridge, which ours does not put together',
  'bridge: rejects what comes in': 'not compared since the answers of bridges are there',
  'nat: source, to one address': 'Linux chooses a port by chance; whether that is all is not known',
  'VRF: masquerading by the name of the port, and of the VRF': 'Linux chooses a port by chance here',
  'nat: redirect to the router itself':
    'a reset that only ours sends, perhaps of a connection taken up in its middle',
  'nat: two chains at one hook: the first that translates wins': 'Linux chooses a port by chance here',
  'chains: input, output and forward of a host':
    'ICMP errors about packets whose checksum, or whose inner part, is wrong',
  'generated: 1.2': UNREACHABLE,
  'generated: 1.6': CUT,
  'generated: 1.11': UNREACHABLE,
  'generated: 1.5': CUT,
  'generated: 1.20': 'a reset of Linux that ours does not send; not traced yet',
};

/** Rulesets that ours refuses, by the errno it says. One that it takes has to go from here, and is compared from then on. */
export const refused: Readonly<Record<string, string>> = {};
