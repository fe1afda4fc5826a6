/**
 * The rules of the lab's home router, as people write them: a firewall that knows connections, NAT for both families, a
 * port forward that also works from inside. While the lab runs they lie in a file beside its control socket, to be
 * read, changed and loaded again.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeControlFolder } from '../services/control_protocol.js';
import { LAB_FORWARD, LAB_LAN, LAB_WAN } from './lab_plan.js';

export const LAB_RULES = `# The home router of the lab: what the LAN asks for comes back, and nobody else gets in.
# Loading this file again replaces all rules at once; connections that are there go on.
flush ruleset

define lan = ${LAB_LAN.link}
define wan = ${LAB_WAN.link}
define server4 = ${LAB_LAN.host4}
define server6 = ${LAB_LAN.host6}

table inet home {
	# Sources that nobody on the Internet has.
	set bogons {
		type ipv4_addr
		flags interval
		elements = { 0.0.0.0/8, 10.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16, 224.0.0.0/3 }
	}

	# What the router itself offers to the LAN.
	set services {
		type inet_proto . inet_service
		elements = { tcp . 22, tcp . 53, udp . 53, udp . 67, udp . 123 }
	}

	# Ports of the router that lead to a host of the LAN.
	map forward4 {
		type inet_service : ipv4_addr . inet_service
		elements = { ${LAB_FORWARD.port} : $server4 . ${LAB_FORWARD.to} }
	}

	map forward6 {
		type inet_service : ipv6_addr . inet_service
		elements = { ${LAB_FORWARD.port} : $server6 . ${LAB_FORWARD.to} }
	}

	ct helper ftp {
		type "ftp" protocol tcp
	}

	ct helper tftp {
		type "tftp" protocol udp
	}

	chain helpers {
		type filter hook prerouting priority filter;
		iifname $lan tcp dport 21 ct helper set "ftp"
		iifname $lan udp dport 69 ct helper set "tftp"
	}

	chain input {
		type filter hook input priority filter; policy drop;
		ct state vmap { established : accept, related : accept, invalid : drop }
		iifname "lo" accept
		meta l4proto vmap { icmp : jump control, ipv6-icmp : jump control }
		iifname $lan meta l4proto . th dport @services accept
		iifname $wan counter drop comment "the router offers nothing to the WAN"
	}

	chain control {
		icmp type echo-request limit rate 100/second burst 100 packets accept
		icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept
		icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } accept
		icmpv6 type echo-request limit rate 100/second burst 100 packets accept
	}

	chain forward {
		type filter hook forward priority filter; policy drop;
		oifname $wan tcp flags syn / syn,rst tcp option maxseg size set rt mtu
		ct state vmap { established : accept, related : accept, invalid : drop }
		iifname $wan ip saddr @bogons counter drop comment "spoofed"
		iifname $lan accept
		ct status dnat accept comment "port forwards"
		iifname $wan counter drop comment "nobody in the LAN asked for it"
	}

	chain dstnat {
		type nat hook prerouting priority dstnat;
		fib daddr type local ip protocol tcp dnat ip to tcp dport map @forward4
		fib daddr type local ip6 nexthdr tcp dnat ip6 to tcp dport map @forward6
	}

	chain srcnat {
		type nat hook postrouting priority srcnat;
		oifname $wan masquerade
		iifname $lan oifname $lan ct status dnat masquerade comment "hairpin: answers come back this way"
	}
}
`;

/** Puts the rules there for people; null where there is no such place. Returns the path and how to remove it. */
export function writeLabRules(folder: string | null): { path: string; remove: () => void } | null {
  if (folder === null) return null;
  try {
    makeControlFolder(folder);
    const path = join(folder, `${process.pid}.nft`);
    writeFileSync(path, LAB_RULES, { mode: 0o600 });
    return { path, remove: () => rmSync(path, { force: true }) };
  } catch {
    // Read-only, or somebody else's: the rules are told by `list ruleset` all the same.
    return null;
  }
}
