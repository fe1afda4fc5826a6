/** The guest has what the development machine's kernel lacks: each module loads, and does what the tests need of it. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const MODULES = [
  ...[
    '8021q',
    'bridge',
    'br_netfilter',
    'bonding',
    'vrf',
    'dummy',
    'macvlan',
    'ipvlan',
    'tun',
    'veth',
    'ifb',
  ],
  ...['sch_netem', 'sch_fq', 'sch_htb', 'sch_tbf', 'sch_cake', 'sch_sfq', 'sch_ingress'],
  ...[
    'cls_u32',
    'cls_flower',
    'cls_bpf',
    'act_mirred',
    'act_vlan',
    'act_gact',
    'act_police',
    'act_pedit',
    'act_skbedit',
  ],
  ...[
    'nf_tables',
    'nf_flow_table',
    'nf_flow_table_inet',
    'nfnetlink_queue',
    'nft_queue',
    'nf_conntrack',
    'nf_nat',
  ],
];

describe('the guest', () => {
  it('is another Linux than the host, with its file system', () => {
    expect(readFileSync('/proc/version', 'utf8')).toContain('Debian');
    expect(readFileSync('/proc/cmdline', 'utf8')).toContain('console=ttyS0');
    expect(readFileSync(import.meta.filename, 'utf8')).toContain('The guest has');
  });

  it.each(MODULES)('has the module %s', (name) => {
    execFileSync('modprobe', [name]);
    const loaded = readFileSync('/proc/modules', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[0]);
    expect(loaded).toContain(name);
  });
});
