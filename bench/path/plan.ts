/**
 * The same three machines three times, once with Linux's own router and twice with ours; each host is a network
 * namespace.
 *
 *   LAN host .2 ──veth── .1 Linux .1 ──veth── .2 WAN host          10.91.1.0/24, 10.91.2.0/24
 *   LAN host .2 ──TAP─── .1 ours  .1 ──TAP─── .2 WAN host
 *   LAN host .2 ──veth── .1 ours  .1 ──veth── .2 WAN host          packet ports on the router's ends
 *
 * 10.91.2.3 is a host that is not there: the routers know its MAC, the WAN host counts frames to it and drops them.
 */
export const LAN = {
  host: '10.91.1.2',
  router: '10.91.1.1',
  routerMac: '02:91:01:00:00:01',
  hostMac: '02:91:01:00:00:02',
};
export const WAN = {
  host: '10.91.2.2',
  router: '10.91.2.1',
  routerMac: '02:91:02:00:00:01',
  hostMac: '02:91:02:00:00:02',
};
/** Of the interfaces below packet ports, which have the router's: the kernel's own stack then ignores the frames. */
export const BELOW_MACS = ['02:91:01:00:00:09', '02:91:02:00:00:09'] as const;
export const SINK = { address: '10.91.2.3', mac: '02:91:02:00:00:03' };
export const PREFIX = 24;
export const HOST_DEVICE = 'eth0';
export const TX_QUEUE_LEN = 2000;
