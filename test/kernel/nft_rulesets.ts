/** Rulesets by feature; `fails`: Linux refuses it. Devices: only lo. */
export const NFT_RULESETS: readonly { name: string; text: string; fails?: boolean }[] = [
  { name: 'an empty table', text: 'table ip t {}' },
  {
    name: 'a dormant table',
    text: 'table ip6 t { flags dormant; chain c { type filter hook input priority 0; } }',
  },
  {
    name: 'base chains of every IP hook',
    text: `table inet t {
      chain a { type filter hook prerouting priority raw; policy accept; }
      chain b { type filter hook input priority 0; policy drop; }
      chain c { type filter hook forward priority filter; }
      chain d { type route hook output priority mangle; }
      chain e { type nat hook postrouting priority srcnat; }
      chain f { comment "regular" ; }
    }`,
  },
  {
    name: 'netdev, bridge and arp chains',
    text: `table netdev t { chain a { type filter hook ingress device lo priority 0; } }
      table bridge t { chain a { type filter hook forward priority 0; } }
      table arp t { chain a { type filter hook input priority 0; } }`,
  },
  {
    name: 'payload, cmp, counter, verdicts, jumps',
    text: `table ip t {
      chain c { type filter hook forward priority 0; policy drop
        tcp dport 22 counter accept
        ip saddr 10.0.0.0/8 jump d
        ip daddr 192.168.0.0/13 goto d
        ip protocol icmp icmp type echo-request counter packets 5 bytes 500 drop
        ether saddr 00:11:22:33:44:55 return
        tcp dport != 22 continue
      }
      chain d { udp dport 53 accept comment "a comment" ; }
    }`,
  },
  {
    name: 'comparisons and ranges',
    text: `table ip6 t { chain c {
        tcp dport 1000-2000 accept
        tcp dport != 1000-2000 accept
        ip6 saddr fe80::/10 accept
        ip6 hoplimit < 10 drop
        ip6 hoplimit >= 200 drop
        udp length > 100 drop
        meta mark 0x10-0x20 accept
        meta mark & 0xff == 0x10 accept
        meta mark set mark and 0xff or 0x100
        @th,0,16 5 accept
        @nh,8,16 & 0xff0 == 0x10 accept
      } }`,
  },
  {
    name: 'meta of all kinds',
    text: `table inet t { chain c {
        meta iif lo meta oif != lo accept
        iifname "eth*" oifname "lo" accept
        meta iiftype ether meta oiftype loopback accept
        meta length 100-200 accept
        meta protocol ip accept
        meta nfproto ipv6 accept
        meta l4proto { tcp, udp } accept
        meta priority set 1:2
        meta priority 1:2 accept
        meta mark set 0x1234
        meta pkttype multicast accept
        meta cpu 0 accept
        meta iifgroup 5 meta oifgroup default accept
        meta nftrace set 1
        meta random 1-100 accept
        meta day Monday accept
        meta hour 3600-7200 accept
        meta time 1000000000 accept
        meta skuid 0 accept
        meta skgid 0 accept
        meta cgroup 1 accept
      } }`,
  },
  {
    name: 'limits, quotas, last, log',
    text: `table ip t { chain c {
        limit rate 5/second accept
        limit rate over 10/minute burst 20 packets drop
        limit rate 1 mbytes/second burst 5 kbytes accept
        limit rate over 100 kbytes/hour drop
        quota 10 mbytes accept
        quota over 100 mbytes drop
        counter accept
      } }`,
  },
  {
    name: 'sets with single values',
    text: `table ip t {
      set a { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2, 10.0.0.3 }
      }
      set b { type inet_service; size 100; comment "ports"; elements = { 22, 80 }
      }
      set c { type ipv4_addr . inet_service; elements = { 10.0.0.1 . 22, 10.0.0.2 . 80 }
      }
      set d { typeof ip saddr; flags dynamic; size 10; }
      set e { type ifname; elements = { "lo", "eth0" }
      }
      set f { type ether_addr; flags constant; elements = { 00:11:22:33:44:55 }
      }
      chain x { ip saddr @a tcp dport @b accept
        ip saddr . tcp dport @c drop
        tcp dport { 1, 2, 3 } accept
        ip daddr != { 1.1.1.1, 8.8.8.8 } drop
        iifname @e ether saddr @f return
      }
    }`,
  },
  {
    name: 'sets with intervals',
    text: `table ip t {
      set a { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.168.1.1, 172.16.0.5-172.16.0.9 }
      }
      set b { type inet_service; flags interval; auto-merge; elements = { 1-10, 20-65535 }
      }
      set c { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/8 . 1-1024, 11.0.0.1 . 22 }
      }
      chain x { ip saddr @a tcp dport @b accept
        ip saddr . tcp dport @c drop
        ip saddr { 1.0.0.0/8, 2.0.0.1 } tcp dport { 1-5, 7 } drop
      }
    }`,
  },
  {
    name: 'maps and verdict maps',
    text: `table ip t {
      map a { type ipv4_addr : mark; elements = { 10.0.0.1 : 1, 10.0.0.2 : 2 }
      }
      map v { type inet_service : verdict; flags interval; elements = { 22 : jump d, 80-90 : accept, 100 : drop }
      }
      chain c { type filter hook input priority 0;
        meta mark set ip saddr map @a
        tcp dport vmap @v
        ip protocol vmap { tcp : jump d, udp : goto e, icmp : accept }
        meta mark set ip daddr map { 1.1.1.1 : 7, 2.2.2.0/24 : 8 }
      }
      chain d { counter; }
      chain e { counter; }
    }`,
  },
  {
    name: 'elements with time, comment and counter',
    text: `table ip t {
      set a { type ipv4_addr; flags timeout; timeout 1h; gc-interval 5s; elements = { 10.0.0.2 comment "two" }
      }
      set b { type ipv4_addr; counter; elements = { 10.0.0.1 counter packets 1 bytes 2, 10.0.0.2 }
      }
      set c { type ipv4_addr; flags interval; elements = { 10.0.0.0/24 comment "net" }
      }
    }`,
  },
  {
    name: 'catch-all elements',
    text: `table ip t { map m { type ipv4_addr : verdict; flags interval; elements = { 10.0.0.0/8 : accept, * : drop }
      }
      chain c { ip saddr vmap @m; } }`,
  },
  {
    name: 'objects, by name and by map',
    text: `table ip t {
      counter c1 { packets 3 bytes 30; comment "three"; }
      counter c2 { }
      quota q1 { over 5 mbytes used 1 mbytes; }
      limit l1 { rate 3/minute; }
      map om { type ipv4_addr : counter; elements = { 10.0.0.1 : "c1", 10.0.0.2 : "c2" }
      }
      chain x { counter name "c1" accept
        quota name "q1" drop
        limit name "l1" accept
        counter name ip saddr map @om
        counter name tcp dport map { 22 : "c1", 80 : "c2" }
      }
    }`,
  },
  {
    name: 'ct helpers',
    text: `table inet t {
      ct helper f { type "ftp" protocol tcp; }
      ct helper g { type "tftp" protocol udp; l3proto ip; }
      chain c { type filter hook prerouting priority 0; tcp dport 21 ct helper set "f"
        udp dport 69 ct helper set "g"
      } }`,
  },
  {
    name: 'ct timeouts of every protocol, expectations, zones',
    text: `table inet t {
      ct timeout tcp1 { protocol tcp; l3proto ip; policy = { established : 100, close_wait : 4, close : 9, syn_sent : 3 } }
      ct timeout udp1 { protocol udp; l3proto ip6; policy = { unreplied : 10, replied : 20 } }
      ct timeout udp2 { protocol udp; l3proto ip; policy = { replied : 20 } }
      ct expectation e1 { protocol tcp; dport 9876; timeout 2m; size 12; l3proto ip; }
      ct expectation e2 { protocol udp; dport 69; timeout 500ms; size 1; l3proto ip6; }
      chain raw { type filter hook prerouting priority raw; policy accept;
        ct zone set 7
        ct original zone set iif map { "lo" : 3 }
        ct reply zone set 65535
      }
      chain c { type filter hook forward priority 0; policy accept;
        ct timeout set "tcp1"
        ct timeout set meta l4proto map { tcp : "tcp1", udp : "udp1" }
        tcp dport 21 ct expectation set "e1"
        meta l4proto udp ct expectation set "e2"
        ct zone 7 ct original zone 3 counter
      }
    }
    table ip u { ct timeout icmp4 { protocol tcp; } }`,
  },
  {
    name: 'connections counted, in rules and elements',
    text: `table inet t {
      set s { type ipv4_addr; size 1000; flags dynamic; }
      set with { type ipv4_addr; size 10; ct count over 3; }
      chain c { type filter hook input priority 0; policy accept;
        tcp dport 22 ct count 20 accept
        ct state new ct count over 20 counter drop
        ct state new add @s { ip saddr ct count over 2 } drop
        ct state new add @with { ip saddr } drop
      }
    }`,
  },
  {
    name: 'elements with two expressions, maps that packets fill',
    text: `table ip t {
      set two { type ipv4_addr; size 100; flags dynamic,timeout; counter limit rate 3/second; }
      set q { type ipv4_addr; size 100; flags dynamic; }
      map m { type ipv4_addr : inet_service; size 10; flags dynamic,timeout; timeout 1m; }
      map n { type ipv4_addr . inet_service : mark; size 10; flags dynamic; }
      chain c { type filter hook input priority 0; policy accept;
        add @two { ip saddr counter limit rate 3/second } accept
        update @q { ip saddr limit rate over 10/minute burst 5 packets } drop
        add @q { ip daddr quota 5 mbytes }
        update @m { ip saddr timeout 5m : tcp dport }
        add @n { ip saddr . tcp dport : 5 }
        delete @m { ip saddr : tcp dport }
      }
    }`,
  },
  {
    name: 'an element of a map that packets delete without its value',
    fails: true,
    text: `table ip t {
      map m { type ipv4_addr : inet_service; size 10; flags dynamic,timeout; timeout 1m; }
      chain c {
        delete @m { ip saddr }
      }
    }`,
  },
  {
    name: 'copies to gateways, tproxy',
    text: `table ip t {
      chain pre { type filter hook prerouting priority mangle; policy accept;
        dup to 192.0.2.1
        dup to 192.0.2.1 device "lo"
        dup to ip daddr map { 192.0.2.5 : 192.0.2.6 }
        tcp dport 80 tproxy to 127.0.0.1:50080 accept
        meta l4proto udp tproxy to 127.0.0.1
        meta l4proto tcp tproxy to :50080
      }
    }
    table ip6 t {
      chain pre { type filter hook prerouting priority mangle; policy accept;
        dup to 2001:db8::1 device "lo"
        meta l4proto tcp tproxy to [::1]:50080
      }
    }
    table inet t {
      chain pre { type filter hook prerouting priority mangle; policy accept;
        meta l4proto tcp tproxy to :50080
        meta l4proto tcp tproxy ip to 127.0.0.1:1
        meta l4proto udp tproxy ip6 to [::1]:udp dport map { 1 : 2 }
      }
    }`,
  },
  {
    name: 'tproxy behind the routing decision',
    fails: true,
    text: `table ip t { chain c { type filter hook forward priority 0; meta l4proto tcp tproxy to :1
} }`,
  },
  {
    name: 'rules with nested chains',
    text: `table ip t { chain c { type filter hook input priority 0; tcp dport 22 jump { ip saddr 10.0.0.0/8 accept; drop; }
      udp dport 53 goto { accept; }
      } }`,
  },
  {
    name: 'payload that is set',
    text: `table inet t { chain c {
        ip ttl set 64
        ip dscp set cs1
        ip6 hoplimit set 3
        tcp dport set 80
        udp sport set 53
        ether daddr set 00:11:22:33:44:55
        ip saddr set 10.0.0.1
        ip6 daddr set fd00::1
        @th,32,32 set 5
      } }`,
  },
  {
    name: 'chains that are deleted and rules that are replaced in one batch',
    text: `table ip t { chain a { counter; drop; }
      chain b { jump a; } }
      flush chain ip t b
      delete chain ip t a
      add rule ip t b ip saddr 1.2.3.4 accept
      add rule ip t b ip saddr 1.2.3.5 accept`,
  },
  {
    name: 'elements that are flushed and added again in one batch',
    text: `table ip t { set s { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 11.0.0.1 }
      }
      set h { type inet_service; elements = { 1, 2, 3 }
      } }
      add element ip t s { 12.0.0.0/9 }
      add element ip t h { 2, 5 }
      flush set ip t h
      add element ip t h { 7 }`,
  },
  {
    name: 'a loop of jumps',
    fails: true,
    text: 'table ip t { chain a { jump b; }\n chain b { jump c; }\n chain c { jump a; }\n chain x { type filter hook input priority 0; jump a; } }',
  },
  {
    name: 'a chain that is used is not deleted',
    fails: true,
    text: 'table ip t { chain a { }\n chain b { jump a; } }\ndelete chain ip t a',
  },
  {
    name: 'a chain of type nat before conntrack',
    fails: true,
    text: 'table ip t { chain c { type nat hook prerouting priority -300; } }',
  },
  {
    name: 'connection tracking',
    text: `table inet t { chain c { type filter hook forward priority 0;
        ct state established,related accept
        ct state invalid drop
        ct state vmap { new : accept, untracked : drop }
        ct status dnat accept
        ct mark 5 ct mark set 7
        ct direction reply accept
        ct expiration > 10s accept
        ct helper "ftp" accept
        ct l3proto ipv4 ct protocol tcp accept
        ct original ip saddr 10.0.0.1 ct reply ip6 daddr fd00::1 accept
        tcp dport 1 ct original proto-dst 22 accept
        ct original bytes > 1000 ct packets > 5 ct reply avgpkt < 100 accept
        ct zone 3 ct original zone 4 accept
        ct id 5 accept
        ct mark set meta mark
        meta mark set ct mark
        notrack
      } }`,
  },
  {
    name: 'NAT',
    text: `table ip t {
      chain pre { type nat hook prerouting priority dstnat; tcp dport 80 dnat to 10.0.0.1:8080
        tcp dport 81 dnat to 10.0.0.1-10.0.0.9:1-100 random
        tcp dport 82 redirect to :3128
        udp dport 53 redirect
        ip daddr 10.0.0.0/24 dnat to ip daddr map { 10.0.0.1 : 10.1.0.1 }
      }
      chain post { type nat hook postrouting priority srcnat; oifname "lo" masquerade
        ip saddr 10.0.0.0/8 snat to 192.0.2.1 persistent
        tcp dport 1 masquerade to :1024-65535 fully-random
        ip saddr 10.1.0.0/16 snat prefix to 10.2.0.0/16
      } }
      table ip6 u { chain post { type nat hook postrouting priority srcnat; snat to fd00::1
        masquerade random
      } }
      table inet v { chain pre { type nat hook prerouting priority dstnat; tcp dport 5 dnat ip to 1.2.3.4:5
        meta l4proto tcp dnat ip6 to [fd00::2]:7
      } }`,
  },
  {
    name: 'masquerade outside of a nat chain',
    fails: true,
    text: 'table ip t { chain c { type filter hook postrouting priority 0; masquerade; } }',
  },
  {
    name: 'reject and log',
    text: `table inet t { chain c { type filter hook input priority 0;
        reject
        reject with tcp reset
        reject with icmp type host-prohibited
        reject with icmpv6 type no-route
        reject with icmpx type admin-prohibited
        log
        log prefix "drop: " level debug
        log flags all
        log group 5 snaplen 128 queue-threshold 3 prefix "nf"
        tcp dport 22 reject with tcp reset
      } }
      table ip u { chain c { type filter hook forward priority 0; reject with icmp type net-unreachable; } }
      table ip6 v { chain c { type filter hook output priority 0; reject; } }`,
  },
  {
    name: 'reject behind postrouting',
    fails: true,
    text: 'table ip t { chain c { type filter hook postrouting priority 0; reject; } }',
  },
  {
    name: 'extension headers and options',
    text: `table ip6 t { chain c {
        exthdr hbh exists accept
        exthdr frag missing accept
        rt type 0 drop
        frag more-fragments 1 accept
        mh type 1 accept
        dst nexthdr 6 accept
        tcp option maxseg size 500-1460 accept
        tcp option 4 exists accept
        tcp option window count 7 accept
        tcp option timestamp tsval 5 accept
        tcp option maxseg size set 1400
        tcp option maxseg size set rt mtu
      } }
      table ip u { chain c { ip option lsrr exists drop
        ip option ra value 0 accept
      } }`,
  },
  {
    name: 'numbers, hashes, routes',
    text: `table ip t { chain c { type filter hook prerouting priority 0;
        meta mark set numgen inc mod 3
        meta mark set numgen random mod 10 offset 100
        meta mark set jhash ip saddr . ip daddr mod 8 seed 0xdead offset 5
        meta mark set symhash mod 4
        fib saddr . iif oif missing drop
        fib daddr type local accept
        fib daddr . iif type { unicast, broadcast } accept
        fib saddr . mark oifname "lo" accept
        fib saddr . iif oif exists accept
        socket transparent 1 accept
        socket mark 5 accept
        osf name "Linux" accept
      }
      chain f { type filter hook forward priority 0;
        rt nexthop 10.0.0.1 accept
        tcp option maxseg size set rt mtu
      } }`,
  },
  {
    name: 'sets that packets change',
    text: `table ip t {
      set s { type ipv4_addr; flags dynamic, timeout; timeout 1m; size 100; }
      set m { type ipv4_addr; flags dynamic; size 10; }
      map d { type ipv4_addr : mark; flags dynamic, timeout; size 5; }
      chain c {
        add @s { ip saddr }
        update @s { ip saddr timeout 10s }
        add @m { ip saddr limit rate 5/second }
        add @m { ip saddr counter }
        delete @s { ip daddr }
        update @s { ip saddr timeout 1h limit rate over 3/minute } drop
        add @d { ip saddr : meta mark }
        meter flood { ip saddr limit rate 10/second } accept
      } }`,
  },
  {
    name: 'netdev: forwarding and copies',
    text: `table netdev t { chain a { type filter hook ingress device lo priority 0;
        ip daddr 10.0.0.1 dup to "lo"
        ip daddr 10.0.0.2 fwd to "lo"
      } }`,
  },
];
