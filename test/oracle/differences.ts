/**
 * Where the core deliberately does something else than Linux, and why. A case named here has to differ: when the two
 * agree again, its line has to go. What is normalised for every case stands in normalise.ts.
 */
export interface Difference {
  /** Name of the case. */
  readonly name: string;
  readonly reason: string;
  /** How many frames ours sends out of each port. */
  readonly ours: { readonly lan0: number; readonly wan0: number };
}

export const differences: readonly Difference[] = [
  {
    name: 'ARP: keeps a bounded queue per neighbour and drops its oldest',
    reason:
      'unres_qlen_bytes counts what a packet occupies: with Linux about 800 bytes for a small one, here a slot of 2 KB, ' +
      'so that fewer wait. The rule is the same: the oldest goes first.',
    ours: { lan0: 2, wan0: 0 },
  },
  {
    name: 'IPv6 local: sends an error about a redirect',
    reason: 'RFC 4443 §2.4 (e.2): an ICMPv6 error must not be originated about a redirect. Linux sends one.',
    ours: { lan0: 0, wan0: 0 },
  },
  {
    name: 'Configuration: takes a next-hop MTU of 0 for the smallest',
    reason:
      'RFC 1191 §5: a router that tells no MTU is older than that RFC; the next plateau below the packet is tried. ' +
      'Linux goes down to route/min_pmtu at once.',
    ours: { lan0: 0, wan0: 2 },
  },
];
