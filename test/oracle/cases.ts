/** The one case file, in parts: every packet and situation that Linux and the core are compared in. */
import { arpCases } from './cases/arp.js';
import { bridgeVlanCases } from './cases/bridge_vlan.js';
import { configuration } from './cases/configuration.js';
import { forwardingSysctl } from './cases/forwarding_sysctl.js';
import { ipv4Forward } from './cases/ipv4_forward.js';
import { ipv4Fragment } from './cases/ipv4_fragment.js';
import { ipv4Local } from './cases/ipv4_local.js';
import { ipv4Options } from './cases/ipv4_options.js';
import { ipv6Forward } from './cases/ipv6_forward.js';
import { ipv6Fragment } from './cases/ipv6_fragment.js';
import { ipv6Headers } from './cases/ipv6_headers.js';
import { ipv6Local } from './cases/ipv6_local.js';
import { ndiscCases } from './cases/ndisc.js';
import { multipath } from './cases/multipath.js';
import { policyRouting } from './cases/policy_routing.js';
import { proxyCases } from './cases/proxy.js';
import { routerDiscovery } from './cases/router_discovery.js';
import { sourceAddress } from './cases/source_address.js';
import { trains } from './cases/trains.js';
import { vlanCases } from './cases/vlan.js';
import { vrfCases } from './cases/vrf.js';
import type { OracleCase } from './router.js';

export const cases: readonly OracleCase[] = [
  ...ipv4Forward,
  ...ipv4Options,
  ...ipv4Fragment,
  ...ipv4Local,
  ...arpCases,
  ...ipv6Forward,
  ...ipv6Headers,
  ...ipv6Fragment,
  ...ipv6Local,
  ...ndiscCases,
  ...proxyCases,
  ...routerDiscovery,
  ...sourceAddress,
  ...configuration,
  ...forwardingSysctl,
  ...policyRouting,
  ...multipath,
  ...trains,
  ...vlanCases,
  ...bridgeVlanCases,
  ...vrfCases,
];
