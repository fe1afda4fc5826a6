/**
 * The ruleset of home_router: 200 rules as people write them for a router at home. Connection state comes first, then
 * devices by a verdict map, then what is allowed by port, host and service; sets of bad and of odd addresses in front,
 * marks and the MSS behind, port forwards by a map, masquerading.
 */

/** Hosts and services of the house; every one of them is a rule or an element. */
const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const host = (i: number): string => `192.168.${1 + (i >> 6)}.${10 + (i & 63)}`;
const indent = (rules: readonly string[]): string => rules.map((rule) => `    ${rule}\n`).join('');

const SERVICES = ['ssh', 'domain', 'http', 'https', 'ntp', 'imaps', 'submission', '853', '5222', '8080'];
/** Rules of the chains below that are not generated. */
const WRITTEN = 36;
export const HOME_RULES = 200;

export function homeRouter(lan: string, wan: string): string {
  const generated = HOME_RULES - WRITTEN;
  const perHost = numbers(Math.floor(generated / 2)).map(
    (i) => `ip saddr ${host(i)} ${i % 2 === 0 ? 'tcp' : 'udp'} dport ${SERVICES[i % SERVICES.length]} accept`,
  );
  const blocked = numbers(generated - perHost.length).map(
    (i) => `ip saddr ${host(i)} ip daddr 203.0.${i & 127}.0/24 meta l4proto { tcp, udp } counter drop`,
  );
  return `
table inet filter {
  set bogons {
    type ipv4_addr; flags interval
    elements = { 0.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 192.0.2.0/24, 198.18.0.0/15, 240.0.0.0/4 }
  }
  set blocklist {
    type ipv4_addr; flags interval
    elements = { ${numbers(256)
      .map((i) => `185.${i}.${(i * 7) & 255}.0/24`)
      .join(', ')} }
  }
  set scanners { type ipv4_addr; size 65535; flags dynamic,timeout; timeout 10m; }
  counter lan_out { }
  counter wan_in { }

  chain mangle_pre {
    type filter hook prerouting priority mangle; policy accept;
    iifname "${wan}" ip saddr @bogons drop
    tcp flags & (fin|syn) == (fin|syn) drop
    tcp flags & (syn|rst) == (syn|rst) drop
    ct state invalid drop
  }
  chain input {
    type filter hook input priority filter; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    iif "lo" accept
    iifname vmap { "${lan}" : jump from_lan, "${wan}" : jump from_wan }
    counter reject with icmpx admin-prohibited
  }
  chain from_lan {
    icmp type echo-request limit rate 10/second accept
    udp dport { 53, 67, 123, 5353 } accept
    tcp dport { 22, 53, 80, 443 } accept
    meta l4proto igmp accept
    ip protocol icmp accept
  }
  chain from_wan {
    ip saddr @scanners drop
    icmp type { echo-request, destination-unreachable, time-exceeded } limit rate 5/second accept
    tcp dport { 22, 23, 2323, 3389, 5900 } add @scanners { ip saddr } drop
    udp sport 67 udp dport 68 accept
    counter drop
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    iifname . oifname vmap { "${lan}" . "${wan}" : jump lan_wan, "${wan}" . "${lan}" : jump wan_lan }
    limit rate 10/minute log prefix "forward: "
    counter reject with icmpx admin-prohibited
  }
  chain lan_wan {
    ip daddr @blocklist counter reject with icmpx admin-prohibited
    ip daddr @bogons drop
    tcp dport 25 reject with tcp reset
    meta l4proto vmap { tcp : jump hosts, udp : jump hosts }
    counter name lan_out accept
  }
  chain wan_lan {
    ip saddr @blocklist drop
    ct status dnat counter name wan_in accept
    counter drop
  }
  chain hosts {
    ip saddr 192.168.1.0/24 udp dport 443 accept
${indent(blocked)}${indent(perHost)}  }
  chain mangle_post {
    type filter hook postrouting priority mangle; policy accept;
    oifname "${wan}" tcp flags & (syn|rst) == syn tcp option maxseg size set 1452
  }
}
table ip nat {
  map forwards {
    type inet_service : ipv4_addr . inet_service
    elements = { 80 : 192.168.1.20 . 8080, 443 : 192.168.1.20 . 8443, 25565 : 192.168.1.21 . 25565, 51820 : 192.168.1.22 . 51820 }
  }
  chain pre {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "${wan}" dnat ip to tcp dport map @forwards
    iifname "${wan}" dnat ip to udp dport map @forwards
    iifname "${lan}" ip daddr 192.168.1.1 tcp dport 8080 redirect to :80
  }
  chain post {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "${wan}" ip saddr 192.168.0.0/16 masquerade
  }
}
`;
}
