/**
 * The built-in lab:
 *
 *    LAN host                       router                        WAN host
 *    192.168.77.2 ───────── .1 lan0        wan0 .1 ───────── 198.51.100.2
 *    fd77:1::2              ::1                 ::1          2001:db8:77::2
 *                MTU 1500                          MTU 1400
 *
 * The WAN's MTU is smaller, so that a full packet from the LAN shows path MTU discovery. The addresses are private,
 * or set aside for examples (RFC 5737 TEST-NET-2, RFC 3849): none of them is anybody's on the Internet.
 */

export interface LabLinkPlan {
  /** The router's link. */
  readonly link: string;
  readonly prefix4: number;
  readonly prefix6: number;
  readonly router4: string;
  readonly router6: string;
  readonly host4: string;
  readonly host6: string;
  readonly mtu: number;
}

export const LAB_LAN: LabLinkPlan = {
  link: 'lan0',
  prefix4: 24,
  prefix6: 64,
  router4: '192.168.77.1',
  router6: 'fd77:1::1',
  host4: '192.168.77.2',
  host6: 'fd77:1::2',
  mtu: 1500,
};

export const LAB_WAN: LabLinkPlan = {
  link: 'wan0',
  prefix4: 24,
  prefix6: 64,
  router4: '198.51.100.1',
  router6: '2001:db8:77::1',
  host4: '198.51.100.2',
  host6: '2001:db8:77::2',
  mtu: 1400,
};

/** A port of the router, both families, that leads to the LAN host; the hosts serve `to`. */
export const LAB_FORWARD = { port: 8080, to: 80 };
/** Where the WAN host knocks without being asked. */
export const LAB_CLOSED_PORT = 22;
