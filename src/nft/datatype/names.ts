/**
 * Names that a machine keeps in files: protocols, services, users, groups, realms, marks, groups of devices, conntrack labels;
 * and interfaces. nft looks them up while it compiles, so the same text may mean another number on another machine. Each
 * file is read when the first name of its kind is asked for; protocols that a rule needs are known without any file.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export type NameKind = 'protocol' | 'service' | 'user' | 'group' | 'realm' | 'mark' | 'devgroup' | 'label';

/** Where compile looks names up; a test or a router gives its own. */
export interface SystemNames {
  lookup(kind: NameKind, name: string): number | undefined;
  /** The name of a number, for listings. */
  nameOf(kind: NameKind, value: number): string | undefined;
  ifindex(name: string): number | undefined;
  /** The inode of a control group, by its path below /sys/fs/cgroup. */
  cgroup(path: string): bigint | undefined;
}

type Table = ReadonlyMap<string, number>;

const FILES: Readonly<Record<NameKind, readonly string[]>> = {
  protocol: ['/etc/protocols'],
  service: ['/etc/services'],
  user: ['/etc/passwd'],
  group: ['/etc/group'],
  realm: ['/etc/iproute2/rt_realms', '/usr/share/iproute2/rt_realms'],
  mark: ['/etc/iproute2/rt_marks', '/usr/share/iproute2/rt_marks'],
  devgroup: ['/etc/iproute2/group', '/usr/share/iproute2/group'],
  label: ['/etc/nftables/connlabel.conf', '/etc/connlabel.conf', '/etc/xtables/connlabel.conf'],
};

/** IANA's numbers that rules name, for a machine without /etc/protocols and /etc/services. */
const BUILTIN: Readonly<Partial<Record<NameKind, Readonly<Record<string, number>>>>> = {
  protocol: {
    ip: 0,
    icmp: 1,
    igmp: 2,
    ipencap: 4,
    tcp: 6,
    udp: 17,
    dccp: 33,
    ipv6: 41,
    'ipv6-route': 43,
    'ipv6-frag': 44,
    gre: 47,
    esp: 50,
    ah: 51,
    'ipv6-icmp': 58,
    'ipv6-nonxt': 59,
    'ipv6-opts': 60,
    ospf: 89,
    pim: 103,
    ipcomp: 108,
    vrrp: 112,
    sctp: 132,
    'mobility-header': 135,
    udplite: 136,
  },
  service: {
    'ftp-data': 20,
    ftp: 21,
    ssh: 22,
    telnet: 23,
    smtp: 25,
    domain: 53,
    bootps: 67,
    bootpc: 68,
    tftp: 69,
    http: 80,
    pop3: 110,
    ntp: 123,
    imap2: 143,
    snmp: 161,
    https: 443,
  },
  user: { root: 0 },
  group: { root: 0 },
  realm: { cosmos: 0 },
  devgroup: { default: 0 },
};

/** Lines of `name number/protocol alias...`, `name:x:number:...` or `number name`. */
function parse(kind: NameKind, text: string): Map<string, number> {
  const found = new Map<string, number>();
  const add = (name: string | undefined, value: number): void => {
    if (name !== undefined && Number.isInteger(value) && !found.has(name)) found.set(name, value);
  };
  for (const line of text.split('\n')) {
    if (kind === 'user' || kind === 'group') {
      const fields = line.split(':');
      if (fields.length > 2) add(fields[0], Number(fields[2]));
      continue;
    }
    const words = (line.split('#')[0] ?? '').trim().split(/\s+/);
    if (words.length < 2) continue;
    if (kind === 'protocol' || kind === 'service') {
      const value = Number(words[1]!.split('/')[0]);
      add(words[0], value);
      for (const alias of words.slice(2)) add(alias, value);
    } else {
      add(words[1], Number(words[0]));
    }
  }
  return found;
}

function load(kind: NameKind): Table {
  for (const file of FILES[kind]) {
    try {
      return parse(kind, readFileSync(file, 'utf8'));
    } catch {
      // Not there: the next place.
    }
  }
  return new Map(Object.entries(BUILTIN[kind] ?? {}));
}

/** Names of this machine. `ifindex`: of whoever has the interfaces; without it only `lo`, which is 1 in every namespace. */
export function systemNames(
  ifindex: (name: string) => number | undefined = (name) => (name === 'lo' ? 1 : undefined),
): SystemNames {
  const tables = new Map<NameKind, Table>();
  const table = (kind: NameKind): Table => {
    let known = tables.get(kind);
    if (known === undefined) {
      known = load(kind);
      tables.set(kind, known);
    }
    return known;
  };
  return {
    lookup: (kind, name) => table(kind).get(name),
    nameOf(kind, value) {
      for (const [name, number] of table(kind)) if (number === value) return name;
      return undefined;
    },
    ifindex,
    cgroup(path) {
      try {
        return statSync(join('/sys/fs/cgroup', path), { bigint: true }).ino;
      } catch {
        return undefined;
      }
    },
  };
}
