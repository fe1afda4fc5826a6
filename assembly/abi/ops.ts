/**
 * Stable ids of the functions that the core calls through its table. State holds ids, never table indices: the op
 * table (lib/ops) maps one to the other and is filled by init and after every restore.
 */
export enum Op {
  NONE = 0,
  // timers: (arg: usize) => void
  TIMER_NEIGH = 1,
  TIMER_NEIGH_GC,
  TIMER_FRAG4,
  TIMER_FRAG6,
  TIMER_DAD,
  TIMER_ADDR6,
  TIMER_PMTU,
  TIMER_PROXY,
  TIMER_RS,
  TIMER_TEST,
  TIMER_MLD_IFC,
  TIMER_MLD_GQ,
  // packet_type: (list: usize, n: u32) => void
  RCV_IPV4 = 32,
  RCV_IPV6,
  RCV_ARP,
  RCV_TEST,
  // inet protocols: (skb: usize) => void
  PROTO_ICMP = 48,
  PROTO_UDP,
  PROTO_TCP,
  PROTO_ICMPV6,
  PROTO_UDP6,
  PROTO_TCP6,
  PROTO_IGMP,
  // net_device_ops.ndo_start_xmit: (skb: usize, dev: usize) => i32
  XMIT_LOOPBACK = 64,
  XMIT_VETH,
  XMIT_PORT,
  XMIT_DUMMY,
  XMIT_VLAN,
  XMIT_MACVLAN,
  XMIT_BOND,
  // napi poll: (dev: usize, budget: i32) => i32
  POLL_PORT = 80,
  POLL_BACKLOG,
  // qdisc: enqueue (skb, qdisc) => i32, dequeue (qdisc) => usize, reset (qdisc) => void, in one block each
  QDISC_PFIFO_FAST_ENQUEUE = 96,
  QDISC_PFIFO_FAST_DEQUEUE,
  QDISC_PFIFO_FAST_RESET,
  QDISC_NOQUEUE,
  // neighbour: solicit (neigh, skb or 0) => void and error (neigh, skb) => void leave the skb with the neighbour, which
  // frees it as NEIGH_FAILED behind the error; construct (neigh) => void
  NEIGH_ARP_SOLICIT = 112,
  NEIGH_NDISC_SOLICIT,
  NEIGH_ARP_ERROR,
  NEIGH_NDISC_ERROR,
  NEIGH_NDISC_CONSTRUCT,
  NEIGH_ARP_CONSTRUCT,
  // what else ARP asks IPv4: see neigh/arp_ops
  ARP_CONFIRM_ADDR,
  ARP_ROUTE_INPUT,
  ARP_ROUTE_DEV,
  ARP_ONLINK,
  ARP_PROXY,
  // calls upwards (see net/registry): notifier chains and families
  NETDEV_EVENT_IPV4 = 128,
  NETDEV_EVENT_IPV6,
  NETDEV_EVENT_NEIGH,
  NETDEV_EVENT_UPPER,
  NET_INIT_NEIGH = 132,
  NET_INIT_IPV4,
  NET_INIT_IPV6,
  NET_INIT_NF_CONNTRACK,
  NET_EXIT_IPV4 = 136,
  NET_EXIT_IPV6,
  NET_EXIT_NF_CONNTRACK,
  NDISC_DAD_FAILURE = 144,
  ICMP_SEND = 148,
  ICMPV6_SEND,
  IP6_INPUT_NDISC,
  ARP_ADDR_TYPE = 152,
  ARP_SELECT_SADDR,
  ARP_ANNOUNCE,
  ARP_GRATUITOUS,
  // How a packet goes on behind a hook that had queued it: (skb) => void, by family * 5 + hook
  OKFN_IPV4 = 224,
  OKFN_IPV6 = 232,
  OKFN_INGRESS = 240,
  OKFN_EGRESS,
  // GRO/GSO callbacks: receive (head list…) and segment
  GSO_IPV4 = 160,
  GSO_IPV6,
  XDP_RUN = 192,
  // rx_handler: (list: usize, n: u32, dev: usize) => u32, see dev/upper
  RX_HANDLER_MACVLAN = 300,
  RX_HANDLER_BOND,
  // what else a kind of device does: a block of 8 each, in the order of Ndo (dev/upper)
  NDO_VLAN = 304,
  NDO_MACVLAN = 312,
  NDO_BOND = 320,
  TIMER_BOND_MII = 328,
  TIMER_BOND_NOTIFY,
  TIMER_BOND_AD,
  TIMER_BOND_ARP,
  TIMER_BOND_IGMP,
  // (port of the bond, bond, target in host order) => void: asks by ARP, from the bond's address
  BOND_ARP_SEND,
  // pktgen: timer (stream) => void; sink (list: usize, n: u32, dev: usize) => u32 left
  TIMER_PKTGEN = 440,
  PKTGEN_RCV,
  // bridge: its Ndo block, and how a frame goes on behind a hook that had queued it, by hook
  NDO_BRIDGE = 340,
  OKFN_BRIDGE = 348,
  RX_HANDLER_BRIDGE = 353,
  XMIT_BRIDGE,
  TIMER_BR_GC,
  TIMER_BR_HELLO,
  TIMER_BR_TCN,
  TIMER_BR_TOPOLOGY_CHANGE,
  TIMER_BR_MESSAGE_AGE,
  TIMER_BR_FORWARD_DELAY,
  TIMER_BR_HOLD,
  TIMER_BR_GROUP,
  TIMER_BR_PORT_GROUP,
  TIMER_BR_QUERY,
  TIMER_BR_SOURCE,
  TIMER_BR_REXMIT,
  // packet sockets: napi poll of a port with a mapped ring; a foreign slot is given back: (slot: usize) => void
  POLL_TPACKET = 460,
  FOREIGN_TPACKET,
  // IPv6 beyond forwarding, multicast routing
  TIMER_RA_ROUTE = 400,
  NDISC_ROUTER_STATE,
  TIMER_RADV,
  TIMER_IPMR,
  TIMER_IP6MR,
  TIMER_IGMP_IFC,
  TIMER_IGMP_GQ,
  NEIGH_NDISC_PROXY,
  PROXY_REDO_ARP,
  PROXY_REDO_NDISC,
  // nf_tables: a base chain at a hook (priv, skb, state) => i32; timers; what happens to devices; the end of a namespace
  NFT_DO_CHAIN = 470,
  TIMER_NFT_SET,
  NETDEV_EVENT_NFT,
  NET_EXIT_NFT,
  // flow tables: the hook (flowtable, skb, state) => i32 of a device; timer: flows that are over go
  NF_FLOW_OFFLOAD,
  TIMER_NF_FLOW,
  // connection tracking of a bridge
  NF_CONNTRACK_BRIDGE_IN,
  NF_CONNTRACK_BRIDGE_CONFIRM,
  // timer: a resilient next-hop group is looked after
  TIMER_NH_RES = 380,
  // VRF: what is sent by one; (skb at its network header, dev) => i32 of VrfOutput (dev/vrf); its Ndo block
  XMIT_VRF = 381,
  VRF_OUTPUT_IPV4,
  VRF_OUTPUT_IPV6,
  NDO_VRF = 384,
  // timer: IPv6 routes that have ended are taken away
  TIMER_FIB6_GC = 392,
  // connection tracking and NAT: hooks, and what skb/nfct calls when the last reference of a connection goes
  NF_CONNTRACK_IN = 500,
  NF_CONNTRACK_CONFIRM,
  NF_DEFRAG,
  NF_NAT,
  NF_CONNTRACK_DESTROY,
  TIMER_NF_CONNTRACK,
  TIMER_NF_EXPECT,
  NF_CONNTRACK_TOUCH,
  NETDEV_EVENT_NF_NAT,
  ADDR_EVENT_NF_NAT,
  // what generated code may call: (ct, range, maniptype) => verdict; (skb, state, range) => verdict
  NF_NAT_SETUP_INFO,
  NF_NAT_MASQUERADE,
  // (ct, helper) => i32: 1 when the connection has it now
  NF_CT_HELPER_ASSIGN = 466,
  // paths of connections (nf_forward_path): (net) => place behind tracking; (net, skb, dev) => bytes or PATH_*; (skb, dev, neigh)
  NF_FORWARD_PATH_BEGIN,
  NF_FORWARD_PATH,
  NF_FORWARD_PATH_LEARN,
  // XDP and netfilter hooks: (priv: usize, skb: usize, state: usize) => i32; ids from here are given by the host
  HOOK_BASE = 512,
  /** Generated functions of nf_tables' chains: (frame: usize) => i32; ids are given by the core (nft_jit). */
  NFT_JIT_BASE = 1024,
  MAX = 4096,
}
