import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MAC, NUD, NeighLab, PEER } from '../../test/neigh_lab.js';
import { SkbDropReason } from '../abi/drop_reason.js';
import { NeighVar, Sysctl } from '../abi/sysctl.js';

const A = '10.0.0.2';
const OTHER = '0a0b0c0d0e0f';
const OVERRIDE = 1;
const WEAK_OVERRIDE = 2;
const OVERRIDE_ISROUTER = 4;
const ISROUTER = 0x40000000;
const ADMIN = 0x80000000 | 0;

let lab: NeighLab;
beforeAll(async () => {
  lab = await NeighLab.load();
});
beforeEach(() => {
  lab.reset();
});

/** Brings the entry of A into a state by the ways of the machine itself. */
const into: Record<string, () => void> = {
  NONE: () => lab.f.neighCreate!(2, lab.key(A), lab.dev),
  INCOMPLETE: () => lab.output(A),
  REACHABLE: () => {
    into.INCOMPLETE!();
    lab.update(A, PEER, NUD.REACHABLE, OVERRIDE);
  },
  STALE: () => {
    into.REACHABLE!();
    lab.advance(50_000);
  },
  DELAY: () => {
    into.STALE!();
    lab.output(A);
  },
  PROBE: () => {
    into.DELAY!();
    lab.advance(5_100);
  },
  FAILED: () => {
    into.INCOMPLETE!();
    lab.advance(4_000);
  },
  PERMANENT: () => {
    into.NONE!();
    lab.update(A, PEER, NUD.PERMANENT, ADMIN | OVERRIDE);
  },
};
const name = (state: number | undefined) => Object.entries(NUD).find(([, v]) => v === state)?.[0];

describe('the state machine', () => {
  test.each(Object.keys(into))('comes into %s', (state) => {
    into[state]!();
    expect(name(lab.state(A))).toBe(state);
    expect(lab.end()).toEqual([0, 0]);
  });

  test('a stale neighbour is asked in the first seconds of the clock, too', () => {
    lab.end();
    lab.reset(512, 1);
    into.NONE!();
    lab.update(A, PEER, NUD.STALE, OVERRIDE);
    lab.output(A);
    lab.advance(5_100);
    expect(lab.state(A)).toBe(NUD.PROBE);
  });

  test.each([
    ['NONE', 'a packet', () => lab.output(A), 'INCOMPLETE'],
    ['FAILED', 'a packet', () => lab.output(A), 'INCOMPLETE'],
    ['INCOMPLETE', 'a packet', () => lab.output(A), 'INCOMPLETE'],
    ['REACHABLE', 'a packet', () => lab.output(A), 'REACHABLE'],
    ['STALE', 'a packet', () => lab.output(A), 'DELAY'],
    ['DELAY', 'a packet', () => lab.output(A), 'DELAY'],
    ['PROBE', 'a packet', () => lab.output(A), 'PROBE'],
    ['PERMANENT', 'a packet', () => lab.output(A), 'PERMANENT'],
    ['INCOMPLETE', 'an answer', () => lab.update(A, PEER, NUD.REACHABLE, OVERRIDE), 'REACHABLE'],
    // What waited leaves in STALE, which is a packet in STALE.
    ['INCOMPLETE', 'a request of the neighbour', () => lab.update(A, PEER, NUD.STALE, OVERRIDE), 'DELAY'],
    ['NONE', 'a request of the neighbour', () => lab.update(A, PEER, NUD.STALE, OVERRIDE), 'STALE'],
    ['STALE', 'an answer', () => lab.update(A, PEER, NUD.REACHABLE, OVERRIDE), 'REACHABLE'],
    ['DELAY', 'an answer', () => lab.update(A, PEER, NUD.REACHABLE, OVERRIDE), 'REACHABLE'],
    ['PROBE', 'an answer', () => lab.update(A, PEER, NUD.REACHABLE, OVERRIDE), 'REACHABLE'],
    ['FAILED', 'an answer', () => lab.update(A, PEER, NUD.REACHABLE, OVERRIDE), 'REACHABLE'],
    [
      'REACHABLE',
      'the same address, unconfirmed',
      () => lab.update(A, PEER, NUD.STALE, OVERRIDE),
      'REACHABLE',
    ],
    ['REACHABLE', 'another address with override', () => lab.update(A, OTHER, NUD.STALE, OVERRIDE), 'STALE'],
    ['REACHABLE', 'another address without override', () => lab.update(A, OTHER, NUD.STALE), 'REACHABLE'],
    [
      'REACHABLE',
      'another address with weak override',
      () => lab.update(A, OTHER, NUD.REACHABLE, WEAK_OVERRIDE),
      'STALE',
    ],
    [
      'PROBE',
      'another address with weak override',
      () => lab.update(A, OTHER, NUD.REACHABLE, WEAK_OVERRIDE),
      'PROBE',
    ],
    ['PERMANENT', 'an answer', () => lab.update(A, OTHER, NUD.REACHABLE, OVERRIDE), 'PERMANENT'],
    ['PERMANENT', 'the administrator', () => lab.update(A, null, NUD.STALE, OVERRIDE | ADMIN), 'STALE'],
    ['REACHABLE', 'the administrator', () => lab.update(A, null, NUD.PROBE, ADMIN), 'PROBE'],
    ['REACHABLE', 'a failure by the administrator', () => lab.update(A, null, NUD.FAILED, ADMIN), 'FAILED'],
    ['PROBE', 'no answer', () => lab.advance(4_000), 'FAILED'],
    ['INCOMPLETE', 'no answer', () => lab.advance(4_000), 'FAILED'],
    ['REACHABLE', 'time', () => lab.advance(50_000), 'STALE'],
    ['STALE', 'time', () => lab.advance(50_000), 'STALE'],
    ['DELAY', 'time', () => lab.advance(5_100), 'PROBE'],
    ['PERMANENT', 'time', () => lab.advance(100_000), 'PERMANENT'],
    [
      'DELAY',
      'a confirmation from above',
      () => {
        lab.f.neighConfirm!(lab.find(A));
        lab.advance(5_100);
      },
      'REACHABLE',
    ],
    [
      'REACHABLE',
      'a confirmation every ten seconds',
      () => {
        for (let i = 0; i < 10; i++) {
          lab.advance(10_000);
          lab.f.neighConfirm!(lab.find(A));
        }
      },
      'REACHABLE',
    ],
  ] as [string, string, () => void, string][])('goes from %s, on %s', (from, _event, act, to) => {
    into[from]!();
    act();
    expect(name(lab.state(A))).toBe(to);
    expect(lab.end()).toEqual([0, 0]);
  });

  test('leaves another address without override where it was, and takes it with override', () => {
    into.REACHABLE!();
    lab.update(A, OTHER, NUD.REACHABLE);
    expect(lab.macOf(lab.find(A))).toBe(PEER);
    lab.update(A, OTHER, NUD.REACHABLE, OVERRIDE);
    expect(lab.macOf(lab.find(A))).toBe(OTHER);
    lab.sent();
    lab.output(A);
    expect(lab.sent()[0]!.slice(0, 28)).toBe(`${OTHER}${MAC}0800`);
  });

  test('refuses changes to a permanent entry, and a valid state without any address', () => {
    into.PERMANENT!();
    expect(lab.update(A, OTHER, NUD.REACHABLE, OVERRIDE)).toBe(-1);
    lab.f.neighCreate!(2, lab.key('10.0.0.3'), lab.dev);
    expect(lab.update('10.0.0.3', null, NUD.REACHABLE, OVERRIDE)).toBe(-22);
  });

  test('is reachable for 0.5 to 1.5 of base_reachable_time, by chance', () => {
    const times = new Set<number>();
    for (let i = 1; i < 60; i++) {
      const a = `10.0.1.${i}`;
      lab.output(a);
      lab.update(a, PEER, NUD.REACHABLE, OVERRIDE);
      times.add(
        Number(lab.view.getBigUint64(lab.find(a) + lab.constant('NEIGH_REACHABLE_TIME'), true) / 1_000_000n),
      );
    }
    expect(Math.min(...times)).toBeGreaterThanOrEqual(15_000);
    expect(Math.min(...times)).toBeLessThan(20_000);
    expect(Math.max(...times)).toBeGreaterThan(40_000);
    expect(Math.max(...times)).toBeLessThan(45_000);
  });

  test('goes from REACHABLE straight to DELAY when it was used a moment ago', () => {
    into.DELAY!();
    lab.update(A, PEER, NUD.REACHABLE, OVERRIDE);
    // The use is remembered only off the fast path: `used` is of the time in DELAY, so make DELAY long.
    lab.neighVar(NeighVar.DELAY_FIRST_PROBE_TIME_MS, 60_000);
    lab.advance(46_000);
    expect(name(lab.state(A))).toBe('DELAY');
  });

  test('remembers who is a router only when told to override that', () => {
    into.REACHABLE!();
    const flags = () => lab.view.getUint8(lab.find(A) + lab.constant('NEIGH_FLAGS'));
    lab.update(A, PEER, NUD.REACHABLE, OVERRIDE | ISROUTER);
    expect(flags()).toBe(0);
    lab.update(A, PEER, NUD.REACHABLE, OVERRIDE | OVERRIDE_ISROUTER | ISROUTER);
    expect(flags()).toBe(0x80);
    lab.update(A, OTHER, NUD.REACHABLE, OVERRIDE_ISROUTER);
    expect(flags()).toBe(0x80);
    lab.update(A, PEER, NUD.REACHABLE, OVERRIDE_ISROUTER);
    expect(flags()).toBe(0);
  });

  test('tells the host each state but INCOMPLETE and DELAY, and NONE for one that is gone', () => {
    into.PROBE!();
    lab.advance(4_000);
    const address = 0x0a000002;
    expect(lab.events()).toEqual([NUD.REACHABLE, NUD.STALE, NUD.PROBE, NUD.FAILED].map((s) => [s, address]));
    lab.f.neighDelete!(lab.net, 2, lab.key(A), lab.dev);
    expect(lab.events()).toEqual([[NUD.NONE, address]]);
  });
});

describe('probes', () => {
  test('asks everybody mcast_solicit times, a second apart, then fails', () => {
    lab.output(A);
    const counts: number[] = [];
    for (let i = 0; i < 5; i++) {
      counts.push(lab.sent().length);
      lab.advance(1_000);
    }
    expect(counts).toEqual([1, 1, 1, 0, 0]);
    expect(lab.state(A)).toBe(NUD.FAILED);
  });

  test('asks the neighbour itself ucast_solicit times in PROBE', () => {
    into.DELAY!();
    lab.sent();
    lab.advance(10_000);
    const frames = lab.sent();
    expect(frames.length).toBe(3);
    for (const frame of frames) expect(frame.slice(0, 12)).toBe(PEER);
    expect(lab.state(A)).toBe(NUD.FAILED);
  });

  test('asks everybody mcast_resolicit times more before it gives up', () => {
    into.DELAY!();
    lab.sent();
    lab.neighVar(NeighVar.MCAST_RESOLICIT, 2);
    lab.advance(10_200);
    expect(lab.sent().map((f) => f.slice(0, 12))).toEqual([PEER, PEER, PEER, 'ffffffffffff', 'ffffffffffff']);
  });

  test('fails at once where nobody may be asked', () => {
    lab.neighVar(NeighVar.MCAST_SOLICIT, 0);
    lab.output(A);
    expect(lab.state(A)).toBe(NUD.FAILED);
    expect(lab.drops(SkbDropReason.NEIGH_FAILED)).toBe(1);
    expect(lab.end()).toEqual([0, 0]);
  });

  test('sends nothing in the tries of app_solicit', () => {
    lab.neighVar(NeighVar.APP_SOLICIT, 2);
    lab.output(A);
    lab.advance(10_000);
    expect(lab.sent().length).toBe(3);
  });

  test('does not ask faster than every 10 ms', () => {
    lab.neighVar(NeighVar.RETRANS_TIME_MS, 0);
    lab.output(A);
    lab.sent();
    lab.advance(9, 1);
    expect(lab.sent().length).toBe(0);
    lab.advance(4, 1);
    expect(lab.sent().length).toBe(1);
  });
});

describe('the queue of unresolved packets', () => {
  test('leaves in order when the address is known', () => {
    for (let tag = 1; tag <= 3; tag++) lab.output(A, { tag });
    lab.sent();
    lab.update(A, PEER, NUD.REACHABLE, OVERRIDE);
    const frames = lab.sent();
    expect(frames.map((f) => f.slice(0, 28))).toEqual(Array(3).fill(`${PEER}${MAC}0800`));
    expect(frames.map((f) => Number.parseInt(f.slice(68, 70), 16))).toEqual([1, 2, 3]);
    expect(lab.end()).toEqual([0, 0]);
  });

  test('holds unres_qlen_bytes; the oldest goes as NEIGH_QUEUEFULL', () => {
    // A packet counts with its record and its 2 KB slot.
    lab.neighVar(NeighVar.UNRES_QLEN_BYTES, 3 * 2176);
    for (let tag = 1; tag <= 5; tag++) lab.output(A, { tag });
    expect(lab.drops(SkbDropReason.NEIGH_QUEUEFULL)).toBe(2);
    lab.sent();
    lab.update(A, PEER, NUD.REACHABLE, OVERRIDE);
    expect(lab.sent().map((f) => Number.parseInt(f.slice(68, 70), 16))).toEqual([3, 4, 5]);
  });

  test('holds nothing when the bound is below one packet', () => {
    lab.neighVar(NeighVar.UNRES_QLEN_BYTES, 100);
    lab.output(A);
    expect(lab.drops(SkbDropReason.NEIGH_QUEUEFULL)).toBe(1);
    expect(lab.f.testSkbLeaks!()).toBe(0);
  });

  test('of all neighbours together takes a quarter of the slots', () => {
    lab.reset(64);
    for (let i = 1; i < 40; i++) lab.output(`10.0.0.${i}`);
    expect(lab.f.testSkbLeaks!()).toBeLessThanOrEqual(2 * 16);
    expect(lab.drops(SkbDropReason.NEIGH_QUEUEFULL)).toBe(39 - 16);
    expect(lab.end()).toEqual([0, 0]);
  });

  test('fails upwards, packet by packet, and is dropped as NEIGH_FAILED', () => {
    for (let tag = 1; tag <= 3; tag++) lab.output(A, { tag });
    lab.advance(2_900);
    expect(lab.f.testErrors!()).toBe(0);
    lab.advance(200);
    expect(lab.f.testErrors!()).toBe(3);
    expect(lab.drops(SkbDropReason.NEIGH_FAILED)).toBe(3);
    expect(lab.f.testSkbLeaks!()).toBe(0);
  });

  test('ends with the device as QUEUE_PURGE', () => {
    lab.output(A);
    lab.output(A);
    lab.f.testDevClose!(lab.dev);
    expect(lab.drops(SkbDropReason.QUEUE_PURGE)).toBe(2);
    expect(lab.end()).toEqual([0, 0]);
  });
});

describe('what needs no asking', () => {
  const noarp = (address: string, mac: string, dev = lab.dev) => {
    lab.output(address, { dev });
    expect(lab.state(address, dev)).toBe(NUD.NOARP);
    const type = address.includes('.') ? '0800' : '86dd';
    expect(lab.sent().map((f) => f.slice(0, 12) + f.slice(24, 28))).toEqual([`${mac}${type}`]);
  };
  test('maps groups (RFC 1112 §6.4, RFC 2464 §7)', () => {
    noarp('224.0.0.251', '01005e0000fb');
    noarp('239.255.129.2', '01005e7f8102');
    noarp('ff020000000000000000000000abcdef', '333300abcdef');
  });
  test('maps broadcasts', () => {
    lab.f.testOwn!(lab.dev, 0x0a000001, 24);
    noarp('255.255.255.255', 'ffffffffffff');
    noarp('10.0.0.255', 'ffffffffffff');
  });
  test('of a device without ARP is its own MAC, and of a link of two the broadcast', () => {
    noarp('10.9.9.9', '020000000002', lab.addDevice('020000000002', 0x80));
    noarp('10.9.9.9', 'ffffffffffff', lab.addDevice('020000000003', 0x10));
  });
  test('has one entry for all of IPv4 on loopback', () => {
    const lo = lab.addDevice('000000000000', 0x8);
    const first = lab.output('127.0.0.1', { dev: lo });
    expect(lab.output('127.4.5.6', { dev: lo })).toBe(first);
    expect(lab.stateOf(first)).toBe(NUD.NOARP);
  });
});

describe('lifetimes', () => {
  test('a held entry stays, dead, when its device goes, and drops as NEIGH_DEAD', () => {
    const neigh = lab.output(A);
    lab.update(A, PEER, NUD.REACHABLE, OVERRIDE);
    lab.f.neighHold!(neigh);
    lab.f.testDevClose!(lab.dev);
    expect(lab.find(A)).toBe(0);
    expect(lab.view.getUint8(neigh + lab.constant('NEIGH_DEAD'))).toBe(1);
    const skb = lab.f.testSkb!(lab.put('45'.repeat(40)), 40);
    lab.f.neighOutput!(neigh, skb);
    expect(lab.drops(SkbDropReason.NEIGH_DEAD)).toBe(1);
    expect(lab.f.neighUpdate!(neigh, lab.put(PEER), NUD.REACHABLE, OVERRIDE)).toBe(-1);
    lab.f.neighPut!(neigh);
    expect(lab.end()).toEqual([0, 0]);
  });

  test('a change of the carrier takes all but permanent entries, one of the MAC all', () => {
    into.PERMANENT!();
    lab.output('10.0.0.3');
    for (const family of [2, 10]) lab.f.neighFlushFamily!(family, lab.dev);
    expect(lab.state('10.0.0.3')).toBeUndefined();
    expect(lab.state(A)).toBe(NUD.PERMANENT);
    lab.f.neighChangeAddr!(lab.dev);
    expect(lab.state(A)).toBeUndefined();
  });

  test('entries of other devices and families are others', () => {
    const other = lab.addDevice('020000000009');
    const v6 = '0a000002000000000000000000000000';
    const all = [lab.output(A), lab.output(A, { dev: other }), lab.output(v6)];
    expect(new Set(all).size).toBe(3);
    lab.f.testDevClose!(other);
    expect(lab.state(A)).toBe(NUD.INCOMPLETE);
    expect(lab.state(v6)).toBe(NUD.INCOMPLETE);
    expect(lab.end()).toEqual([0, 0]);
  });

  test('writes no header into bytes that a clone shares', () => {
    into.REACHABLE!();
    lab.sent();
    const bytes = '45'.repeat(40);
    const skb = lab.f.testSkb!(lab.put(bytes), 40);
    const clone = lab.f.testSkbClone!(skb);
    const data = lab.view.getUint32(clone + lab.constant('SKB_DATA'), true);
    lab.view.setBigUint64(data - 8, 0x1122334455667788n, true);
    lab.f.neighOutput!(lab.find(A), skb);
    expect(lab.view.getBigUint64(data - 8, true)).toBe(0x1122334455667788n);
    expect(lab.sent()).toEqual([`${PEER}${MAC}0800${bytes}`]);
    lab.f.testSkbFree!(clone);
    expect(lab.end()).toEqual([0, 0]);
  });

  test('sends IPv4 by an IPv6 neighbour with the type of IPv4', () => {
    const v6 = 'fe800000000000000000000000000001';
    lab.output(v6);
    lab.update(v6, PEER, NUD.REACHABLE, OVERRIDE);
    lab.sent();
    lab.output(v6, { protocol: 0x0800 });
    lab.output(v6);
    expect(lab.sent().map((f) => f.slice(0, 28))).toEqual([`${PEER}${MAC}0800`, `${PEER}${MAC}86dd`]);
  });
});

describe('garbage collection', () => {
  const count = () => lab.view.getUint32(lab.net + lab.constant('NET_NEIGH4_ENTRIES'), true);
  const address = (i: number) => `10.0.${1 + (i >> 8)}.${i & 255}`;
  const fill = (from: number, to: number, mac: string | null = PEER) => {
    for (let i = from; i < to; i++) {
      lab.f.neighCreate!(2, lab.key(address(i)), lab.dev);
      if (mac !== null) lab.update(address(i), mac, NUD.STALE, OVERRIDE);
    }
  };

  test('leaves unused entries alone below gc_thresh1', () => {
    fill(0, 127);
    lab.advance(300_000, 1000);
    expect(count()).toBe(127);
  });

  test('takes what was not used for gc_staletime above gc_thresh1', () => {
    fill(0, 200);
    lab.advance(50_000, 1000);
    expect(count()).toBe(200);
    lab.advance(30_000, 1000);
    expect(count()).toBe(127);
    expect(lab.end()).toEqual([0, 0]);
  });

  test('spares what is held, permanent or in use', () => {
    fill(0, 200);
    for (let i = 0; i < 150; i++) lab.f.neighHold!(lab.find(address(i)));
    lab.advance(80_000, 1000);
    expect(count()).toBe(150);
    for (let i = 0; i < 150; i++) lab.f.neighPut!(lab.find(address(i)));
  });

  test('makes room by force at gc_thresh2, of entries older than five seconds', () => {
    fill(0, 512);
    lab.advance(6_000, 1000);
    fill(512, 513);
    expect(count()).toBe(512);
    expect(lab.find(address(0))).toBe(0);
    expect(lab.find(address(512))).not.toBe(0);
  });

  test('makes no more entries at gc_thresh3 when none may go', () => {
    lab.sysctl(Sysctl.NEIGH4_GC_THRESH3, 600);
    fill(0, 600);
    expect(count()).toBe(600);
    expect(lab.f.neighCreate!(2, lab.key('10.7.7.7'), lab.dev)).toBe(0);
    expect(lab.f.neighCreate!(2, lab.key('10.7.7.8'), lab.dev)).toBe(0);
    lab.advance(6_000, 1000);
    expect(lab.f.neighCreate!(2, lab.key('10.7.7.7'), lab.dev)).not.toBe(0);
    expect(lab.end()).toEqual([0, 0]);
  });

  test('does not take the room of entries that are being resolved', () => {
    lab.sysctl(Sysctl.NEIGH4_GC_THRESH2, 10);
    lab.sysctl(Sysctl.NEIGH4_GC_THRESH3, 20);
    for (let i = 0; i < 30; i++) lab.output(`10.0.0.${i + 1}`);
    expect(count()).toBe(20);
    lab.advance(10_000);
    expect(lab.output('10.0.0.99')).not.toBe(0);
    expect(lab.end()).toEqual([0, 0]);
  });

  test('does not count permanent entries', () => {
    fill(0, 10);
    lab.update(address(3), PEER, NUD.PERMANENT, ADMIN | OVERRIDE);
    expect(count()).toBe(9);
    lab.update(address(3), null, NUD.STALE, ADMIN | OVERRIDE);
    expect(count()).toBe(10);
  });

  test('counts each namespace by itself', () => {
    lab.sysctl(Sysctl.NEIGH4_GC_THRESH2, 5);
    lab.sysctl(Sysctl.NEIGH4_GC_THRESH3, 10);
    fill(0, 20, null);
    expect(count()).toBe(10);
    const net = lab.f.testNet!();
    const dev = lab.f.testDev!(net, 0x07000002, 0, 0);
    expect(lab.f.neighCreate!(2, lab.key(A), dev)).not.toBe(0);
    lab.f.testDevEnd!(dev);
    lab.f.testNetEnd!(net);
    expect(lab.end()).toEqual([0, 0]);
  });
});

describe('requests of the administrator', () => {
  const CREATE = 0x100;
  const EXCL = 0x200;
  const REPLACE = 0x400;
  const add = (mac: string | null, state: number, flags: number) => {
    const key = lab.key(A);
    return lab.f.neighAdd!(lab.net, 2, key, lab.dev, mac === null ? 0 : lab.put(mac), state, flags);
  };
  test('adds, replaces, refuses and deletes', () => {
    expect(add(PEER, NUD.PERMANENT, 0)).toBe(-2);
    expect(add(PEER, NUD.PERMANENT, CREATE | EXCL)).toBe(0);
    expect(add(PEER, NUD.PERMANENT, CREATE | EXCL)).toBe(-17);
    expect(add(OTHER, NUD.PERMANENT, 0)).toBe(0);
    expect(lab.macOf(lab.find(A))).toBe(PEER);
    expect(add(OTHER, NUD.PERMANENT, REPLACE)).toBe(0);
    expect(lab.macOf(lab.find(A))).toBe(OTHER);
    expect(add(null, 3, CREATE)).toBe(-22);
    expect(lab.f.neighAdd!(lab.net, 7, lab.key(A), lab.dev, 0, 0, CREATE)).toBe(-97);
    expect(lab.f.neighDelete!(lab.net, 2, lab.key(A), lab.dev)).toBe(0);
    expect(lab.f.neighDelete!(lab.net, 2, lab.key(A), lab.dev)).toBe(-2);
    expect(lab.end()).toEqual([0, 0]);
  });

  test('leaves nothing of an addition that was refused', () => {
    expect(add(null, NUD.PERMANENT, CREATE)).toBe(-22);
    expect(lab.find(A)).toBe(0);
    expect(lab.end()).toEqual([0, 0]);
  });

  test('resolves an address with NTF_USE', () => {
    expect(add(null, NUD.NONE, CREATE | 1)).toBe(0);
    expect(lab.state(A)).toBe(NUD.INCOMPLETE);
    expect(lab.sent().length).toBe(1);
  });

  test('deleting fails what waits', () => {
    lab.output(A);
    lab.f.neighDelete!(lab.net, 2, lab.key(A), lab.dev);
    expect(lab.f.testErrors!()).toBe(1);
    expect(lab.end()).toEqual([0, 0]);
  });

  test('dumps every entry of a namespace once', () => {
    for (let i = 1; i < 100; i++) lab.output(`10.0.0.${i}`);
    const cursor = lab.put('0000000000000000');
    const seen = new Set<number>();
    for (;;) {
      const neigh = lab.f.neighDumpNext!(lab.net, 2, cursor);
      if (neigh === 0) break;
      expect(seen.has(neigh)).toBe(false);
      seen.add(neigh);
    }
    expect(seen.size).toBe(99);
    expect(lab.f.neighDumpNext!(lab.net, 2, cursor)).toBe(0);
    expect(lab.f.neighDumpNext!(lab.net + 4, 2, lab.put('0000000000000000'))).toBe(0);
  });
});
