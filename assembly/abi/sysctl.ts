/**
 * The sysctls of a namespace and of its devices, one i32 each (Linux: Documentation/networking/ip-sysctl.rst).
 * The text names are derived by the host from the tables of src/net/sysctl.ts.
 */
export enum Sysctl {
  // net.ipv4.*
  IP_FORWARD = 0,
  IP_DEFAULT_TTL,
  IP_NO_PMTU_DISC,
  IP_FORWARD_USE_PMTU,
  ICMP_ECHO_IGNORE_ALL,
  ICMP_ECHO_IGNORE_BROADCASTS,
  ICMP_IGNORE_BOGUS_ERROR_RESPONSES,
  ICMP_ERRORS_USE_INBOUND_IFADDR,
  /** Milliseconds between errors to one peer, and the mask of types it holds for. */
  ICMP_RATELIMIT,
  ICMP_RATEMASK,
  ICMP_MSGS_PER_SEC,
  ICMP_MSGS_BURST,
  /** Bytes. */
  IPFRAG_HIGH_THRESH,
  IPFRAG_LOW_THRESH,
  /** Seconds. */
  IPFRAG_TIME,
  IPFRAG_MAX_DIST,
  ROUTE_MTU_EXPIRES,
  ROUTE_MIN_PMTU,
  ROUTE_REDIRECT_NUMBER,
  ROUTE_REDIRECT_LOAD,
  ROUTE_REDIRECT_SILENCE,
  FIB_MULTIPATH_USE_NEIGH,
  FIB_MULTIPATH_HASH_POLICY,
  FIB_MULTIPATH_HASH_FIELDS,
  /** 0: drawn from the core's own seed. */
  FIB_MULTIPATH_HASH_SEED,
  FWMARK_REFLECT,
  TCP_L3MDEV_ACCEPT,
  UDP_L3MDEV_ACCEPT,
  RAW_L3MDEV_ACCEPT,
  // net.ipv6.*
  IP6_ICMP_RATELIMIT,
  IP6_ICMP_ECHO_IGNORE_ALL,
  IP6FRAG_HIGH_THRESH,
  IP6FRAG_LOW_THRESH,
  IP6FRAG_TIME,
  IP6_MTU_EXPIRES,
  IP6_MIN_ADVMSS,
  IP6_IDGEN_RETRIES,
  IP6_FIB_MULTIPATH_HASH_POLICY,
  IP6_FIB_MULTIPATH_HASH_FIELDS,
  IP6_FWMARK_REFLECT,
  // net.core.*
  NETDEV_MAX_BACKLOG,
  NETDEV_BUDGET,
  // net.ipv[46].neigh.default.gc_thresh*
  NEIGH4_GC_THRESH1,
  NEIGH4_GC_THRESH2,
  NEIGH4_GC_THRESH3,
  NEIGH6_GC_THRESH1,
  NEIGH6_GC_THRESH2,
  NEIGH6_GC_THRESH3,
  // net.vrf.*: no two VRFs with one table
  VRF_STRICT_MODE,
  MAX,
}

/** net.ipv4.conf.DEV.*: of each device, of `all` and of `default`. */
export enum Ipv4Conf {
  FORWARDING = 0,
  RP_FILTER,
  ACCEPT_REDIRECTS,
  SECURE_REDIRECTS,
  SHARED_MEDIA,
  SEND_REDIRECTS,
  ACCEPT_SOURCE_ROUTE,
  ACCEPT_LOCAL,
  ROUTE_LOCALNET,
  LOG_MARTIANS,
  ARP_FILTER,
  ARP_ANNOUNCE,
  ARP_IGNORE,
  ARP_ACCEPT,
  ARP_NOTIFY,
  PROXY_ARP,
  DROP_UNICAST_IN_L2_MULTICAST,
  DROP_GRATUITOUS_ARP,
  IGNORE_ROUTES_WITH_LINKDOWN,
  PROMOTE_SECONDARIES,
  PROXY_ARP_PVLAN,
  /** Set by multicast routing alone. */
  MC_FORWARDING,
  /** 0: by what queriers speak; 1, 2, 3: that version of IGMP. */
  FORCE_IGMP_VERSION,
  IGMPV2_UNSOLICITED_REPORT_INTERVAL,
  IGMPV3_UNSOLICITED_REPORT_INTERVAL,
  SRC_VALID_MARK,
  MAX,
}

/** net.ipv6.conf.DEV.* */
export enum Ipv6Conf {
  FORWARDING = 0,
  DISABLE_IPV6,
  HOP_LIMIT,
  MTU,
  ACCEPT_RA,
  ACCEPT_REDIRECTS,
  AUTOCONF,
  DAD_TRANSMITS,
  ACCEPT_DAD,
  ACCEPT_SOURCE_ROUTE,
  PROXY_NDP,
  /** 0 EUI-64, 1 none, 2 stable secret, 3 random. */
  ADDR_GEN_MODE,
  KEEP_ADDR_ON_DOWN,
  NDISC_NOTIFY,
  SUPPRESS_FRAG_NDISC,
  DROP_UNSOLICITED_NA,
  DROP_UNICAST_IN_L2_MULTICAST,
  /** Solicitations sent in vain before giving up; negative: never. Times in seconds. */
  ROUTER_SOLICITATIONS,
  IGNORE_ROUTES_WITH_LINKDOWN,
  ROUTER_SOLICITATION_INTERVAL,
  ROUTER_SOLICITATION_MAX_INTERVAL,
  ROUTER_SOLICITATION_DELAY,
  ACCEPT_RA_DEFRTR,
  ACCEPT_RA_FROM_LOCAL,
  ACCEPT_RA_MIN_HOP_LIMIT,
  /** Seconds: what lives shorter is ignored. */
  ACCEPT_RA_MIN_LFT,
  ACCEPT_RA_PINFO,
  ACCEPT_RA_RTR_PREF,
  ACCEPT_RA_RT_INFO_MIN_PLEN,
  ACCEPT_RA_RT_INFO_MAX_PLEN,
  ACCEPT_RA_MTU,
  RA_DEFRTR_METRIC,
  /** 1: lifetimes of prefixes are taken as they are, without the two-hour rule. */
  RA_HONOR_PIO_LIFE,
  /** 0 none, 1 made, 2 preferred (RFC 8981); -1 after too many collisions. Lifetimes in seconds. */
  USE_TEMPADDR,
  TEMP_VALID_LFT,
  TEMP_PREFERED_LFT,
  REGEN_MAX_RETRY,
  REGEN_MIN_ADVANCE,
  MAX_DESYNC_FACTOR,
  /** Addresses of a device up to which autoconfiguration makes more; 0: no bound. */
  MAX_ADDRESSES,
  USE_OIF_ADDRS_ONLY,
  /** Set by multicast routing alone. */
  MC_FORWARDING,
  MAX,
}

/** net.ipv[46].neigh.DEV.*: times in milliseconds. */
export enum NeighVar {
  MCAST_SOLICIT = 0,
  UCAST_SOLICIT,
  APP_SOLICIT,
  MCAST_RESOLICIT,
  BASE_REACHABLE_TIME_MS,
  RETRANS_TIME_MS,
  DELAY_FIRST_PROBE_TIME_MS,
  GC_STALETIME_MS,
  UNRES_QLEN_BYTES,
  LOCKTIME_MS,
  ANYCAST_DELAY_MS,
  PROXY_DELAY_MS,
  PROXY_QLEN,
  MAX,
}
