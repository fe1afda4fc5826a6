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
];
