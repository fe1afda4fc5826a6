/**
 * Every sysctl that a fresh network namespace of Linux has under net.core, net.ipv4 and net.ipv6: the router has it, with
 * the same value to begin with, or it is named here with the reason why it has not.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createStack } from '../../src/stack.js';
import { DEVICE_SYSCTLS, GLOBAL_SYSCTLS } from '../../src/config/sysctl_table.js';
import { enterOwnNetns, tapMissing } from './netns.js';

const missing = tapMissing();
if (missing !== undefined) console.log(`test/kernel/sysctls skipped: ${missing}`);

/** Names that the router has not, and why. */
const WITHOUT: readonly (readonly [RegExp, string])[] = [
  [/^net\.ipv4\.(tcp|udp)_(?!l3mdev_accept)/, 'of TCP and UDP endpoints'],
  [/^net\.core\.(optmem_max|[rw]mem_|somaxconn|tstamp_allow_data|txrehash)/, 'of sockets'],
  [
    /^net\.ipv4\.(ip_autobind_reuse|ip_local_|ip_nonlocal_bind|ip_unprivileged_|ping_group_range)/,
    'of sockets',
  ],
  [
    /^net\.ipv6\.(bindv6only|ip_nonlocal_bind|auto_flowlabels|flowlabel_)/,
    'of sockets and the flow labels of their packets',
  ],
  [/^net\.ipv4\.(ip_early_demux|ip_dynaddr)/, 'of sockets'],
  [/xfrm|\.disable_policy$/, 'there is no IPsec'],
  [/\.(ioam6_\w+|rpl_seg_enabled|seg6_\w+)$/, 'there is no segment routing, RPL or IOAM'],
  [/^net\.core\.rps_default_mask$/, 'receive queues are served by one thread'],
  [/\.fib_notify_on_flag_change$/, 'no route is offloaded to hardware'],
  [/\.skip_notify_on_dev_down$|^net\.ipv4\.nexthop_compat_mode$/, 'of netlink messages'],
  [
    /^net\.ipv6\.route\.(gc_(elasticity|min_interval|min_interval_ms|thresh|timeout)|max_size)$/,
    'no cache of destinations',
  ],
  [/^net\.ipv4\.route\.min_adv_mss$/, 'of TCP endpoints'],
  [/^net\.ipv4\.icmp_echo_enable_probe$/, 'RFC 8335 is not there'],
  [
    /^net\.ipv6\.icmp\.(ratemask|error_anycast_as_unicast)$/,
    'the types are fixed: all errors but Packet Too Big',
  ],
  [/^net\.ipv4\.igmp_/, 'IGMP has its defaults: robustness 2, reports for 224.0.0.x, 256 groups a device'],
  [
    /\.(medium_id|tag|bootp_relay)$/,
    'not used by Linux itself, or by proxy ARP over several links of one medium only',
  ],
  [
    /\.neigh\.[^.]+\.(interval_probe_time_ms|unres_qlen)$/,
    'no managed neighbours; the queue is bounded in bytes',
  ],
  [/\.(force_tllao|ndisc_tclass|accept_untracked_na|router_probe_interval)$/, 'ND has the default'],
  [/\.(enhanced_dad|optimistic_dad|use_optimistic)$/, 'DAD is enhanced, and not optimistic'],
  [/\.(force_mld_version|mldv[12]_unsolicited_report_interval)$/, 'MLD has the defaults'],
  [/\.ra_honor_pio_pflag$/, 'there is no DHCPv6 client'],
  [
    /\.neigh\.[^.]+\.(base_reachable_time|retrans_time)$/,
    'the same as those in milliseconds, which are there',
  ],
  [/\.route\.flush$/, 'an order, not a setting'],
  [/\.stable_secret$/, 'no number: Link.setStableSecret'],
  [/^net\.ipv6\.idgen_delay$/, 'a second address of RFC 7217 is tried at once'],
];

/** Values that a router in this process begins with otherwise. */
const DIFFERS: readonly (readonly [RegExp, string])[] = [
  [/^net\.ipv6\.icmp\.ratelimit$/, 'a second, as ip-sysctl.rst says; newer kernels have a tenth of it'],
  [
    /unres_qlen_bytes$|_thresh$|^net\.core\.netdev_|icmp_msgs_|_multipath_hash_seed$/,
    'by memory, by the machine, or drawn',
  ],
  [/^net\.ipv6\.conf\.(lo|all|default)\.(mtu|stable_secret)$/, 'a number; the secret is no number'],
];

const ROOT = '/proc/sys/net';

function* names(folder: string): Generator<string> {
  for (const name of readdirSync(folder)) {
    const path = `${folder}/${name}`;
    if (statSync(path).isDirectory()) yield* names(path);
    else yield path.slice('/proc/sys/'.length).replaceAll('/', '.');
  }
}

/** As the table has it: any device is `lo`. */
function has(name: string): boolean {
  if (GLOBAL_SYSCTLS.includes(name)) return true;
  const match = /^(net\.ipv[46]\.(?:conf|neigh))\.(?:all|default|lo)\.(\w+)$/.exec(name);
  return match !== null && DEVICE_SYSCTLS[match[1]!]!.includes(match[2]!);
}

test.skipIf(missing !== undefined)('every sysctl of Linux is there, or named with a reason', async () => {
  const netns = enterOwnNetns();
  const stack = await createStack({ clock: 'virtual' });
  try {
    const all = ['core', 'ipv4', 'ipv6'].flatMap((part) => [...names(`${ROOT}/${part}`)]);
    expect(all.length).toBeGreaterThan(300);
    const unexplained = all.filter((name) => !has(name) && !WITHOUT.some(([which]) => which.test(name)));
    expect(unexplained).toEqual([]);
    const both = all.filter((name) => has(name) && WITHOUT.some(([which]) => which.test(name)));
    expect(both, 'they are there, and said not to be').toEqual([]);

    const ns = await stack.namespace('fresh');
    const wrong: string[] = [];
    for (const name of all) {
      if (!has(name) || DIFFERS.some(([which]) => which.test(name))) continue;
      const path = `/proc/sys/${name.replaceAll('.', '/')}`;
      if (!existsSync(path) || (statSync(path).mode & 0o400) === 0) continue;
      let text: string;
      try {
        text = readFileSync(path, 'utf8').trim();
      } catch {
        continue; // a secret that is not set
      }
      const ours = await ns.getSysctl(name);
      if (text !== String(ours)) wrong.push(`${name}: ${text} in Linux, ${ours} here`);
    }
    expect(wrong).toEqual([]);
  } finally {
    await stack.close();
    netns.leave();
  }
});
