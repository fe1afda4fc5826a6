import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MAC, NUD, NeighLab, PEER, ip } from '../../test/neigh_lab.js';
import { SkbDropReason } from '../abi/drop_reason.js';
import { Ipv4Conf, NeighVar } from '../abi/sysctl.js';

const ALL = 'ffffffffffff';
const NOBODY = '000000000000';
const THIRD = '0a0b0c0d0e0f';
const OURS = '10.0.0.1';
const A = '10.0.0.2';
const REQUEST = 1;
const REPLY = 2;

let lab: NeighLab;
beforeAll(async () => {
  lab = await NeighLab.load();
});
beforeEach(() => {
  lab.reset();
  lab.f.testOwn!(lab.dev, ip(OURS), 24);
});

const request = (sip = A, tip = OURS, dest = ALL) => lab.arpFrame(dest, REQUEST, PEER, sip, NOBODY, tip);
const reply = (mac = PEER, sip = A, dest = MAC) => lab.arpFrame(dest, REPLY, mac, sip, dest, OURS);
/** Nothing is left behind, and every skb is back. */
const clean = () => expect(lab.end()).toEqual([0, 0]);

describe('answering', () => {
  test('answers a request for our address, byte for byte, and remembers the sender as STALE', () => {
    lab.arp(request());
    expect(lab.sent()).toEqual([
      '525400123456 020000000001 0806 0001 0800 06 04 0002 020000000001 0a000001 525400123456 0a000002'.replaceAll(
        ' ',
        '',
      ),
    ]);
    expect(lab.state(A)).toBe(NUD.STALE);
    expect(lab.macOf(lab.find(A))).toBe(PEER);
    clean();
  });

  test('answers a probe for a duplicate (sender 0.0.0.0) and learns nothing (RFC 5227 §2.1.1)', () => {
    lab.arp(request('0.0.0.0'));
    expect(lab.sent()).toEqual([lab.arpFrame(PEER, REPLY, MAC, OURS, PEER, '0.0.0.0')]);
    expect(lab.find('0.0.0.0')).toBe(0);
    clean();
  });

  test('answers nobody who probes or asks for an address of others', () => {
    lab.arp(request('0.0.0.0', '10.0.0.77'));
    lab.arp(request(A, '10.0.0.77'));
    expect(lab.sent()).toEqual([]);
    expect(lab.find(A)).toBe(0);
    clean();
  });

  test('does not answer a sender who claims our own address', () => {
    lab.arp(request(OURS, OURS));
    expect(lab.sent()).toEqual([]);
    clean();
  });

  test.each([
    [0, A, '10.9.0.1', true],
    [1, A, '10.9.0.1', false],
    [1, A, OURS, true],
    [2, A, OURS, true],
    [2, '10.5.0.2', OURS, false],
    [3, A, OURS, true],
    [4, A, OURS, true],
    [8, A, OURS, false],
  ] as [number, string, string, boolean][])(
    'arp_ignore %i: %s asks for %s, answered: %s',
    (mode, sip, tip, answered) => {
      const other = lab.addDevice('020000000002');
      lab.f.testOwn!(other, ip('10.9.0.1'), 24);
      lab.conf4(Ipv4Conf.ARP_IGNORE, mode);
      lab.arp(request(sip, tip));
      expect(lab.sent().length).toBe(answered ? 1 : 0);
      expect(lab.drops(SkbDropReason.ARP_IGNORED)).toBe(answered ? 0 : 1);
      clean();
    },
  );

  test('arp_filter: does not answer where our way to the sender leaves elsewhere', () => {
    const other = lab.addDevice('020000000002');
    lab.f.testOwn!(other, ip('10.9.0.1'), 24);
    lab.arp(request('10.9.0.5'));
    expect(lab.sent().length).toBe(1);
    lab.conf4(Ipv4Conf.ARP_FILTER, 1);
    lab.arp(request('10.9.0.5'));
    expect(lab.sent().length).toBe(0);
    lab.arp(request(A));
    expect(lab.sent().length).toBe(1);
  });

  test('drops what is for another MAC, and all on a device without ARP', () => {
    lab.arp(request(A, OURS, THIRD));
    expect(lab.drops(SkbDropReason.OTHERHOST)).toBe(1);
    const noarp = lab.addDevice('020000000002', 0x80);
    lab.arp(request(), noarp);
    expect(lab.drops(SkbDropReason.ARP_IGNORED)).toBe(1);
    expect(lab.sent()).toEqual([]);
    clean();
  });
});

describe('learning', () => {
  const learn = () => {
    lab.output(A);
    lab.arp(reply());
    lab.sent();
  };

  test('an answer makes the neighbour REACHABLE and lets what waited go', () => {
    lab.output(A);
    lab.sent();
    lab.arp(reply());
    expect(lab.state(A)).toBe(NUD.REACHABLE);
    expect(lab.sent().map((f) => f.slice(0, 28))).toEqual([`${PEER}${MAC}0800`]);
    clean();
  });

  test('a broadcast answer says nothing about reachability', () => {
    lab.f.neighCreate!(2, lab.key(A), lab.dev);
    lab.advance(1_100);
    lab.arp(reply(PEER, A, ALL));
    expect(lab.state(A)).toBe(NUD.STALE);
  });

  test('an answer that nobody asked for makes no entry, unless arp_accept says so', () => {
    lab.arp(reply());
    expect(lab.find(A)).toBe(0);
    lab.conf4(Ipv4Conf.ARP_ACCEPT, 1);
    lab.arp(reply());
    expect(lab.state(A)).toBe(NUD.REACHABLE);
    clean();
  });

  test('arp_accept 2 takes senders of our subnets only', () => {
    lab.conf4(Ipv4Conf.ARP_ACCEPT, 2);
    lab.arp(reply(PEER, '10.77.0.9'));
    lab.arp(reply());
    expect(lab.find('10.77.0.9')).toBe(0);
    expect(lab.state(A)).toBe(NUD.REACHABLE);
  });

  test('arp_accept does not learn from requests for others, but from announcements', () => {
    lab.conf4(Ipv4Conf.ARP_ACCEPT, 1);
    lab.arp(request(A, '10.0.0.3'));
    expect(lab.find(A)).toBe(0);
    lab.arp(request(A, A));
    expect(lab.state(A)).toBe(NUD.STALE);
  });

  test('within locktime the first of several answers counts', () => {
    lab.advance(1);
    learn();
    lab.advance(500);
    lab.arp(reply(THIRD));
    expect(lab.macOf(lab.find(A))).toBe(PEER);
    expect(lab.state(A)).toBe(NUD.REACHABLE);
    lab.advance(600);
    lab.arp(reply(THIRD));
    expect(lab.macOf(lab.find(A))).toBe(THIRD);
  });

  test('an announcement (RFC 5227 §2.3) overrides within locktime', () => {
    learn();
    lab.arp(lab.arpFrame(ALL, REQUEST, THIRD, A, NOBODY, A));
    expect(lab.macOf(lab.find(A))).toBe(THIRD);
    expect(lab.state(A)).toBe(NUD.STALE);
    lab.arp(lab.arpFrame(ALL, REPLY, PEER, A, PEER, A));
    expect(lab.macOf(lab.find(A))).toBe(PEER);
    lab.arp(lab.arpFrame(ALL, REPLY, THIRD, A, ALL, A));
    expect(lab.macOf(lab.find(A))).toBe(PEER);
  });

  test('drop_gratuitous_arp leaves announcements unread', () => {
    learn();
    lab.conf4(Ipv4Conf.DROP_GRATUITOUS_ARP, 1);
    lab.arp(lab.arpFrame(ALL, REQUEST, THIRD, A, NOBODY, A));
    expect(lab.macOf(lab.find(A))).toBe(PEER);
    expect(lab.drops(SkbDropReason.ARP_IGNORED)).toBe(1);
  });

  test('a request of a known sender for somebody else updates it', () => {
    learn();
    lab.advance(1_100);
    lab.arp(lab.arpFrame(ALL, REQUEST, THIRD, A, NOBODY, '10.0.0.9'));
    expect(lab.macOf(lab.find(A))).toBe(THIRD);
    expect(lab.state(A)).toBe(NUD.STALE);
  });
});

describe('malformed packets', () => {
  const good = () => request().slice(28);
  const changed = (offset: number, bytes: string) =>
    good().slice(0, offset * 2) + bytes + good().slice(offset * 2 + bytes.length);
  test.each([
    ['no hardware type', 0, '0000'],
    ['hardware type 7', 0, '0007'],
    ['the protocol IPv6', 2, '86dd'],
    ['hardware addresses of 8 bytes', 4, '08'],
    ['hardware addresses of 0 bytes', 4, '00'],
    ['protocol addresses of 16 bytes', 5, '10'],
    ['operation 0', 6, '0000'],
    ['operation 3 (RARP)', 6, '0003'],
    ['operation 0x0101', 6, '0101'],
    ['a group as target', 24, 'e0000001'],
    ['127.0.0.1 as target', 24, '7f000001'],
  ] as [string, number, string][])('refuses %s as ARP_INVALID', (_name, offset, bytes) => {
    lab.arp(`${ALL}${PEER}0806${changed(offset, bytes)}`);
    expect(lab.drops(SkbDropReason.ARP_INVALID)).toBe(1);
    expect(lab.sent()).toEqual([]);
    expect(lab.find(A)).toBe(0);
    clean();
  });

  test('refuses every truncation as ARP_INVALID', () => {
    for (let len = 0; len < 28; len++) lab.arp(request().slice(0, 28 + len * 2));
    expect(lab.drops(SkbDropReason.ARP_INVALID)).toBe(28);
    lab.arp(`${request()}${'00'.repeat(18)}`);
    expect(lab.sent().length).toBe(1);
    clean();
  });

  test('takes the hardware type of IEEE 802, and 127/8 where route_localnet is set', () => {
    lab.arp(`${ALL}${PEER}0806${changed(0, '0006')}`);
    expect(lab.sent().length).toBe(1);
    lab.conf4(Ipv4Conf.ROUTE_LOCALNET, 1);
    lab.arp(`${ALL}${PEER}0806${changed(24, '7f000001')}`);
    expect(lab.drops(SkbDropReason.ARP_INVALID)).toBe(0);
  });
});

describe('asking', () => {
  test('asks everybody, byte for byte', () => {
    lab.output(A);
    expect(lab.sent()).toEqual([
      'ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002'.replaceAll(
        ' ',
        '',
      ),
    ]);
  });

  test('asks a neighbour that it knows by unicast, then everybody with mcast_resolicit', () => {
    lab.output(A);
    lab.arp(reply());
    lab.advance(50_000);
    lab.neighVar(NeighVar.MCAST_RESOLICIT, 1);
    lab.output(A);
    lab.sent();
    lab.advance(10_000);
    const ask = (dest: string) => lab.arpFrame(dest, REQUEST, MAC, OURS, NOBODY, A);
    expect(lab.sent()).toEqual([ask(PEER), ask(PEER), ask(PEER), ask(ALL)]);
  });

  test.each([
    [0, '192.168.5.1', '192.168.5.1'],
    [1, '192.168.5.1', OURS],
    [1, '10.0.0.7', '10.0.0.7'],
    [2, '10.0.0.7', OURS],
    [0, '172.16.0.9', OURS],
  ] as [number, string, string][])('arp_announce %i with a packet of %s asks as %s', (mode, source, asks) => {
    lab.f.testOwn!(lab.dev, ip('10.0.0.7'), 24);
    const other = lab.addDevice('020000000002');
    lab.f.testOwn!(other, ip('192.168.5.1'), 24);
    lab.conf4(Ipv4Conf.ARP_ANNOUNCE, mode);
    lab.output(A, { source });
    expect(lab.sent()).toEqual([lab.arpFrame(ALL, REQUEST, MAC, asks, NOBODY, A)]);
  });
});

describe('announcing', () => {
  test('says that an address is ours', () => {
    lab.f.arpAnnounce!(lab.dev, ip(OURS));
    expect(lab.sent()).toEqual([lab.arpFrame(ALL, REQUEST, MAC, OURS, NOBODY, OURS)]);
  });

  test('says so by itself only with arp_notify, and never on a device without ARP', () => {
    lab.f.arpNotify!(lab.dev, ip(OURS));
    expect(lab.sent()).toEqual([]);
    lab.conf4(Ipv4Conf.ARP_NOTIFY, 1);
    lab.f.arpNotify!(lab.dev, ip(OURS));
    expect(lab.sent().length).toBe(1);
    lab.f.arpAnnounce!(lab.addDevice('020000000002', 0x80), ip(OURS));
    expect(lab.sent()).toEqual([]);
    clean();
  });
});
