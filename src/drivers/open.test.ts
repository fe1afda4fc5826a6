import { NetifF } from '../../assembly/abi/features.js';
import { describe, expect, it } from 'vitest';
import { openPort, parsePort } from './open.js';

describe('the words for a port', () => {
  it.each([
    ['tap:ww0', { kind: 'tap', ifName: 'ww0' }],
    ['packet:eth0', { kind: 'packet', ifName: 'eth0' }],
    ['packet:eth0.5@blue', { kind: 'packet', ifName: 'eth0.5', netns: 'blue' }],
    ['packet:eth0@/proc/12/ns/net', { kind: 'packet', ifName: 'eth0', netns: '/proc/12/ns/net' }],
    [
      'udp:127.0.0.1:7001-127.0.0.1:7002',
      {
        kind: 'udp',
        local: { address: '127.0.0.1', port: 7001 },
        remote: { address: '127.0.0.1', port: 7002 },
      },
    ],
    [
      'udp:[::1]:0-[fe80::1%eth0]:7002',
      { kind: 'udp', local: { address: '::1', port: 0 }, remote: { address: 'fe80::1%eth0', port: 7002 } },
    ],
    ['pcap:in.pcapng', { kind: 'pcap', file: 'in.pcapng', out: undefined }],
    ['pcap:C:/a>b:c', { kind: 'pcap', file: 'C:/a', out: 'b:c' }],
  ])('%s is understood', (spec, port) => {
    expect(parsePort(spec)).toEqual(port);
  });

  it.each([
    ['', /no such kind of port; 'tap:NAME'/],
    ['eth0', /no such kind/],
    ['TAP:ww0', /no such kind/],
    ['tap:', /the name is empty; 'tap:ww0' would be right/],
    ['tap:abcdefghijklmnop', /longer than 15 bytes/],
    ['tap:a/b', /has a '\/'/],
    ['tap:..', /is no name/],
    ['packet:', /the name is empty; 'packet:eth0', or 'packet:eth0@NETNS', would be right/],
    ['packet:abcdefghijklmnop@a', /longer than 15 bytes/],
    ['packet:eth0@', /the name of the network namespace is empty/],
    ['packet:eth0@a/b', /'a\/b' is neither a name nor a path/],
    ['udp:', /no two ends/],
    ['udp:127.0.0.1:7001', /no two ends .* 'udp:127\.0\.0\.1:7001-127\.0\.0\.1:7002' would be right/],
    ['udp:localhost:1-127.0.0.1:2', /'localhost' is no IPv4 address/],
    ['udp:127.0.0.256:1-127.0.0.1:2', /'127\.0\.0\.256' is no IPv4 address/],
    ['udp:::1:1-::1:2', /no two ends/],
    ['udp:[127.0.0.1]:1-127.0.0.1:2', /'127\.0\.0\.1' is no IPv6 address/],
    ['udp:127.0.0.1:65536-127.0.0.1:2', /port 65536 is larger than 65535/],
    ['udp:127.0.0.1:1-127.0.0.1:0', /the remote port is 0/],
    ['udp:127.0.0.1:1-[::1]:2', /one end is IPv4 and the other IPv6/],
    ['udp:127.0.0.1:-1-127.0.0.1:2', /no two ends/],
    ['pcap:', /a file's name is missing/],
    ['pcap:a>', /a file's name is missing/],
  ])('%s is refused with what would be right', (spec, message) => {
    expect(() => parsePort(spec)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => parsePort(spec)).toThrow(message);
    expect(() => parsePort(spec)).toThrow(`port '${spec}': `);
  });

  it('opens what it parsed', async () => {
    const udp = openPort('udp:127.0.0.1:0-127.0.0.1:9', { mtu: 9000, mac: '02:00:00:00:00:01' });
    expect(udp).toMatchObject({
      kind: 'udp',
      mtu: 9000,
      mac: '02:00:00:00:00:01',
      vnetHdrLen: 0,
      features: NetifF.GRO,
    });
    await udp.close();
    expect(openPort('udp:[::1]:0-[::1]:9').mac).toMatch(/^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/);
    expect(() => openPort('pcap:/nonexistent/x')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});
