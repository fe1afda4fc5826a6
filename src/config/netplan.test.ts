import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatDiagnostic } from './diagnostic.js';
import { formatCidr, formatIp, formatMac } from './ip_address.js';
import { loadRouterConfig, readRouterConfig } from './netplan.js';

const GOOD = `
network:
  version: 2
  renderer: networkd
  ethernets:
    lan0:
      addresses: [192.168.1.1/24, "fd00:1::1/64"]
      macaddress: 52:54:00:12:34:56
      mtu: 1400
      dhcp4: no
      accept-ra: false
      link-local: []
      optional: true
      nameservers: {addresses: [9.9.9.9]}
    wan0:
      addresses:
        - 198.51.100.2/24
        - 2001:db8::2/64
      routes:
        - {to: default, via: 198.51.100.1, metric: 50, mtu: 1280}
        - to: default
          via: fe80::1
        - {to: 10.0.0.0/8, type: blackhole}
        - {to: 203.0.113.9, via: 192.0.2.1, on-link: true}
        - {to: 192.0.2.0/24, scope: link}
    lo:
      addresses: [10.255.0.1/32]
ports:
  lan0: tap:ww-lan
  wan0:
    port: udp:127.0.0.1:7001-127.0.0.1:7002
    trace: true
    capture: wan.pcapng
    faults: {loss: 1%, corrupt: 0.001, delay: 20ms, rate: 10mbit, seed: 7}
sysctls:
  net.ipv4.ip_forward: 1
  net.ipv4.conf.lan0.rp_filter: 2
  net.ipv6.conf.all.forwarding: 1
  net.ipv6.icmp.ratelimit: 0
  net.ipv4.neigh.wan0.gc_stale_time: 30
`;

/** A file with everything that is required; a case replaces one part. */
function file(parts: { link?: string; more?: string; ports?: string; network?: string }): string {
  const { link = 'addresses: [192.168.1.1/24]', more = '', ports = 'lan0: tap:ww-lan', network = '' } = parts;
  return `network:
  version: 2
${network}  ethernets:
    lan0:
      ${link.replaceAll('\n', '\n      ')}
ports:
  ${ports.replaceAll('\n', '\n  ')}
${more}`;
}

function messages(text: string): string {
  const result = readRouterConfig(text, 'router.yaml');
  expect(result.kind).toBe('wrong');
  return result.kind === 'wrong' ? `\n${result.errors.map(formatDiagnostic).join('')}` : '';
}

describe('a good file', () => {
  it('becomes links, ports and sysctls', () => {
    const result = readRouterConfig(GOOD, 'router.yaml');
    if (result.kind === 'wrong') throw new Error(result.errors.map(formatDiagnostic).join('\n'));
    const links = result.config.links.map((link) => ({
      ...link,
      ...(link.mac && { mac: formatMac(link.mac) }),
      addresses: link.addresses.map(({ address, prefix }) => formatCidr(address, prefix)),
      routes: link.routes.map(({ to, prefix, via, ...rest }) => ({
        to: formatCidr(to, prefix),
        ...(via && { via: formatIp(via) }),
        ...rest,
      })),
    }));
    expect({ links, sysctls: result.config.sysctls }).toMatchSnapshot();
    expect(result.warnings.map(({ line, message }) => `${line}: ${message}`)).toEqual([
      '4: "renderer" is ignored',
      '14: "nameservers" is ignored in link lan0',
    ]);
  });

  it('takes gateway4 and gateway6 with a warning that says what to write instead', () => {
    const link = 'addresses: [10.0.0.2/24, "fd00::2/64"]\ngateway4: 10.0.0.1\ngateway6: fd00::1';
    const result = readRouterConfig(file({ link }), 'router.yaml');
    expect(result.warnings.map(({ hint }) => hint)).toEqual([
      'write "routes: [{to: default, via: 10.0.0.1}]"',
      'write "routes: [{to: default, via: fd00::1}]"',
    ]);
    expect(result.kind === 'ok' && result.config.links[0]?.routes.map(({ to }) => to.length)).toEqual([
      4, 16,
    ]);
  });

  it('may repeat a value by anchor and alias', () => {
    const text = `
network: {version: 2, ethernets: {a: {addresses: [10.0.0.1/24], mtu: &m 1400}, b: {mtu: *m}}}
ports: {a: tap:a, b: tap:b}
`;
    const result = readRouterConfig(text, 'router.yaml');
    expect(result.kind === 'ok' && result.config.links.map(({ mtu }) => mtu)).toEqual([1400, 1400]);
  });
});

const WRONG: Record<string, string> = {
  'an empty file': '',
  'a list for a file': '- network',
  'no network section': 'ports: {}\n',
  'an unclosed bracket': file({ link: 'addresses: [192.168.1.1/24\nmtu: 1500' }),
  'a tab as indentation': 'network:\n\tversion: 2\n',
  'two documents': `${file({})}---\nnetwork: {}\n`,
  'bad indentation': 'network:\n  version: 2\n ethernets: {}\n',
  'an unclosed quote': file({ link: 'macaddress: "52:54:00:12:34:56' }),
  'a link given twice': file({ link: 'mtu: 1500\n', network: '' }).replace('ports:', '    lan0: {}\nports:'),
  'no version': 'network:\n  ethernets: {}\n',
  'version 3': 'network: {version: 3}\n',
  'version in words': 'network: {version: two}\n',
  'an unknown top-level key': file({ more: 'sysctl: {}\n' }),
  'a kind of link that is not there yet': file({ network: '  tunnels: {}\n' }),
  'an unknown key of a link': file({ link: 'adresses: [192.168.1.1/24]' }),
  'an unknown key that resembles nothing': file({ link: 'xyzzy: 1' }),
  'a key of netplan that is not there yet': file({ link: 'match: {name: eth*}' }),
  'a link that is a list': file({ link: '- 192.168.1.1/24' }),
  'a link that is empty': 'network: {version: 2, ethernets: {lan0: }}\nports: {lan0: tap:a}\n',
  'a name too long for a link': 'network: {version: 2, ethernets: {lan0123456789abcd: {}}}\n',
  'an address instead of a list': file({ link: 'addresses: 192.168.1.1/24' }),
  'an octet out of range': file({ link: 'addresses: [192.168.1.300/24]' }),
  'an address without prefix': file({ link: 'addresses:\n  - 192.168.1.1\n  - "fd00::1"' }),
  'a prefix too long': file({ link: 'addresses: [192.168.1.1/33, "fd00::1/129"]' }),
  'a netmask for a prefix': file({ link: 'addresses: [192.168.1.1/255.255.255.0]' }),
  'a multicast address and others no link can have': file({
    link: 'addresses: [224.0.0.5/24, 0.0.0.0/0, 255.255.255.255/32, "ff02::1/64", "::/64"]',
  }),
  'an address with options': file({ link: 'addresses: [10.0.0.1/24: {lifetime: 0}]' }),
  'an address twice on one link': file({ link: 'addresses: [10.0.0.1/24, 10.0.0.1/16]' }),
  'an address on two links, written differently': `
network:
  version: 2
  ethernets:
    a: {addresses: ["fd00:0:0::1/64"]}
    b: {addresses: ["FD00::1/64"]}
ports: {a: tap:a, b: tap:b}
`,
  'an MTU below what IPv4 allows': file({ link: 'mtu: 67' }),
  'an MTU above the maximum': file({ link: 'mtu: 65536' }),
  'an MTU that is no number': file({ link: 'mtu: jumbo' }),
  'an MTU with a fraction': file({ link: 'mtu: 1500.5' }),
  'an MTU too small for IPv6': file({ link: 'addresses: ["fd00::1/64"]\nmtu: 1279' }),
  'a MAC too short': file({ link: 'macaddress: 52:54:00:12:34' }),
  'a group MAC': file({ link: 'macaddress: 01:00:5e:00:00:01' }),
  'a MAC that is a list': file({ link: 'macaddress: [52]' }),
  DHCP: file({ link: 'dhcp4: true\ndhcp6: yes' }),
  'DHCP that is neither true nor false': file({ link: 'dhcp4: maybe' }),
  'an unknown link-local family': file({ link: 'link-local: [ipv4, ipv7]' }),
  'routes that are a mapping': file({ link: 'routes: {to: default}' }),
  'a route without destination': file({ link: 'addresses: [10.0.0.2/8]\nroutes: [{via: 10.0.0.1}]' }),
  'a route without gateway': file({ link: 'routes: [{to: 10.0.0.0/8}, {to: default}]' }),
  'a default blackhole of no family': file({ link: 'routes: [{to: default, type: blackhole}]' }),
  'a wrong gateway': file({ link: 'routes: [{to: default, via: 10.0.0}]' }),
  'a gateway out of reach': file({
    link: 'addresses: [10.0.0.2/24, 10.0.1.2/24]\nroutes: [{to: default, via: 10.9.9.9}]',
  }),
  'a gateway of a family that the link lacks': file({
    link: 'addresses: [10.0.0.2/24]\nroutes: [{to: "::/0", via: "fd00::1"}]',
  }),
  'a gateway of the other family': file({
    link: 'addresses: [10.0.0.2/24]\nroutes: [{to: "2001:db8::/32", via: 10.0.0.1}]',
  }),
  'a gateway that is the link itself': file({
    link: 'addresses: [10.0.0.2/24]\nroutes: [{to: default, via: 10.0.0.2}]',
  }),
  'a blackhole with a gateway': file({
    link: 'addresses: [10.0.0.2/24]\nroutes: [{to: 10.1.0.0/16, via: 10.0.0.1, type: blackhole}]',
  }),
  'a link scope with a gateway': file({
    link: 'addresses: [10.0.0.2/24]\nroutes: [{to: 10.1.0.0/16, via: 10.0.0.1, scope: link}]',
  }),
  'a destination with host bits': file({
    link: 'addresses: [10.0.0.2/24]\nroutes: [{to: 10.1.2.3/16, via: 10.0.0.1}]',
  }),
  'a destination that is a word': file({
    link: 'addresses: [10.0.0.2/24]\nroutes: [{to: internet, via: 10.0.0.1}]',
  }),
  'a route twice': file({
    link: 'addresses: [10.0.0.2/24]\nroutes: [{to: default, via: 10.0.0.1}, {to: 0.0.0.0/0, via: 10.0.0.3}]',
  }),
  'unknown and later values of a route': file({
    link: 'addresses: [10.0.0.2/24]\nroutes: [{to: default, via: 10.0.0.1, type: unicst, scope: lnk, table: 5, metrik: 1, metric: -1}]',
  }),
  'a route of a later type': file({ link: 'routes: [{to: 10.0.0.0/8, type: nat}]' }),
  'gateways of the wrong family, and not an address': file({
    link: 'addresses: [10.0.0.2/24]\ngateway4: fd00::1\ngateway6: router',
  }),
  'a port of no link': file({ ports: 'lan0: tap:a\nlan1: tap:b\nwide: tap:c' }),
  'a link without port': file({ ports: '{}' }),
  'a port for the loopback': file({ ports: 'lan0: tap:a\nlo: tap:b' }),
  'ports that cannot be opened': file({
    ports:
      'lan0: eth0\na: tap\nb: tap:sixteen-letters-\nc: udp:127.0.0.1-127.0.0.1:7\nd: "pcap:"\ne: ""\nf: [tap]',
  }),
  'one port for two links': `
network: {version: 2, ethernets: {a: {}, b: {}}}
ports:
  a: tap:x
  b: {port: "tap:x"}
`,
  'a port mapping without port, and unknown keys': file({
    ports: 'lan0: {prot: "tap:a", trace: 2, faults: {los: 1, loss: 200%, delay: 5h, rate: 0, seed: -1}}',
  }),
  'two MAC addresses for one link': file({
    link: 'macaddress: 52:54:00:00:00:01',
    ports: 'lan0: {port: "tap:a", mac: "52:54:00:00:00:02"}',
  }),
  'wrong sysctls': file({
    more: `sysctls:
  net.ipv4.ip_forwrd: 1
  net.ipv4.conf.lan1.rp_filter: 1
  net.ipv4.conf.lan0.rp_fliter: 1
  net/ipv4/ip_forward: 1
  kernel.hostname: 1
  net.ipv4.ip_default_ttl: sixty
  net.ipv6.conf.all.forwarding: true
`,
  }),
  'sysctls that are a list': file({ more: 'sysctls: [net.ipv4.ip_forward]\n' }),
};

describe('a wrong file is refused with place, mistake and remedy:', () => {
  it.each(Object.entries(WRONG))('%s', (_name, text) => {
    expect(messages(text)).toMatchSnapshot();
  });

  it('every mistake is told, in the order of the file', () => {
    const lines = messages(WRONG['ports that cannot be opened']!).match(/^router\.yaml:\d+/gm);
    expect(lines).toHaveLength(13);
    expect(lines).toEqual(lines!.toSorted((a, b) => Number(a.slice(12)) - Number(b.slice(12))));
  });

  it('the caret stands under its word behind tabs and with Windows line ends', () => {
    const text = file({ link: 'mtu:\t\t70000' }).replaceAll('\n', '\r\n');
    expect(messages(text)).toContain('    5 |       mtu:\t\t70000\n      |           \t\t^~~~~\n');
  });
});

describe('loadRouterConfig', () => {
  it('reads a file by name', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ww-config-'));
    try {
      const path = join(folder, 'router.yaml');
      await writeFile(path, GOOD);
      expect((await loadRouterConfig(path)).kind).toBe('ok');
      await expect(loadRouterConfig(folder)).rejects.toMatchObject({ code: 'EISDIR' });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('says that there is no such file', async () => {
    await expect(loadRouterConfig('/nowhere/router.yaml')).rejects.toThrow(
      'cannot read /nowhere/router.yaml: there is no such file; name a netplan YAML file',
    );
  });
});
