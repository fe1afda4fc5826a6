/** Connection tracking between two networks of one process, without a ruleset. */
import { describe, expect, test } from 'vitest';
import { conntrackText } from '../../src/netlink/ctnetlink.js';
import { echo, echo6, ip4, ip6, pattern, udp } from '../oracle/packet.js';
import { installNat } from '../oracle/nat_rule.js';
import { families, freeOf, icmps, listen, twoNetworks } from './lab.js';

type Side = (typeof families)[number];

function ping(side: Side, size = 32): Uint8Array {
  if (side.name === 'IPv4') return ip4({ src: side.a, dst: side.b, id: 0 }, echo(pattern(size)));
  return ip6({ src: side.a, dst: side.b }, echo6(pattern(size)));
}

describe.each(families)('$name connections', (side) => {
  test('are made by the first packet that passes, and go with their time', async () => {
    const { stack, a, r } = await twoNetworks();
    const got = await listen(a, side.family);
    await a.send(side.family, ping(side));
    stack.run(100);
    const before = freeOf(stack);
    await r.conntrack.enable();
    got.length = 0;
    await a.send(side.family, ping(side));
    stack.run(100);
    expect(icmps(got)).toHaveLength(1);
    expect(await r.conntrack.stats()).toMatchObject({ count: 1, insert: 1 });
    expect(await r.getSysctl('net.netfilter.nf_conntrack_count')).toBe(1);
    stack.run(31_000);
    expect(await r.conntrack.stats()).toMatchObject({ count: 0 });
    expect(freeOf(stack).skbs).toBe(before.skbs);
    await stack.close();
  });
});

/** A router that tracks, and a UDP packet through it from each of these ports. */
async function tracked(sports: readonly number[]) {
  const lab = await twoNetworks();
  await lab.r.conntrack.enable();
  const send = async (sport: number) => {
    await lab.a.send(2, ip4({ src: '10.0.1.2', dst: '10.0.2.2', id: 0 }, udp({ sport, dport: 9 })));
    lab.stack.run(10);
  };
  for (const sport of sports) await send(sport);
  return { ...lab, send };
}
const tuple = (sport: number) => ({ src: '10.0.1.2', dst: '10.0.2.2', proto: 17, sport, dport: 9 });

describe('ctnetlink', () => {
  test('lists connections as conntrack(8) does', async () => {
    const { stack, r } = await tracked([1000]);
    const list = await r.conntrack.list();
    // Nobody listens there: the host's port unreachable is RELATED and no reply.
    expect(list.map((entry) => conntrackText(entry))).toEqual([
      'udp      17 29 src=10.0.1.2 dst=10.0.2.2 sport=1000 dport=9 [UNREPLIED] src=10.0.2.2 dst=10.0.1.2 sport=9 dport=1000 mark=0 use=1',
    ]);
    expect(await r.conntrack.list({ family: 10 })).toEqual([]);
    await stack.close();
  });

  test('lists more than fit one answer', async () => {
    const sports = Array.from({ length: 700 }, (_, i) => 1000 + i);
    const { stack, r } = await tracked(sports);
    const list = await r.conntrack.list();
    expect(list.map((entry) => entry.orig.sport!).toSorted((a, b) => a - b)).toEqual(sports);
    await stack.close();
  });

  test('changes, filters by mark, deletes and flushes', async () => {
    const { stack, r } = await tracked([1000, 1001, 1002]);
    await r.conntrack.update(tuple(1001), { mark: 7, timeout: 500 });
    expect(await r.conntrack.list({ mark: 7 })).toMatchObject([{ orig: { sport: 1001 }, timeout: 500 }]);
    await r.conntrack.delete(tuple(1000));
    await expect(r.conntrack.delete(tuple(1000))).rejects.toMatchObject({ code: 'ENOENT' });
    await r.conntrack.flush({ mark: 7 });
    expect((await r.conntrack.list()).map((entry) => entry.orig.sport)).toEqual([1002]);
    await r.conntrack.flush();
    expect(await r.conntrack.stats()).toMatchObject({ count: 0 });
    await stack.close();
  });

  test('refuses to take back that a connection was answered', async () => {
    const { stack, r } = await tracked([1000]);
    await r.conntrack.update(tuple(1000), { status: 0b1110 });
    await expect(r.conntrack.update(tuple(1000), { status: 0b1000 })).rejects.toMatchObject({
      code: 'EBUSY',
    });
    await stack.close();
  });

  test('tells what happens, and how much of it was lost', async () => {
    const { stack, r, send } = await tracked([]);
    await r.conntrack.listen();
    await send(1000);
    await r.conntrack.delete(tuple(1000));
    const { events, lost } = await r.conntrack.events();
    expect(events.map(({ kind }) => kind)).toEqual(['NEW', 'DESTROY']);
    expect(lost).toBe(0);
    for (let i = 0; i < 1000; i++) await send(2000 + i);
    const more = await r.conntrack.events();
    expect(more.events.length + more.lost).toBe(1000);
    expect(more.lost).toBeGreaterThan(0);
    expect(more.events.length).toBeGreaterThan(300);
    await r.conntrack.listen(0);
    await send(5000);
    expect(await r.conntrack.events()).toEqual({ events: [], lost: 0 });
    await stack.close();
  });
});

describe('the table', () => {
  test('is bounded: a flood turns over what it made, and an answered stream stays', async () => {
    const { stack, a, b, r, send } = await tracked([]);
    await r.setSysctl('net.netfilter.nf_conntrack_max', 64);
    const free = freeOf(stack);
    const heard = await listen(b, 2, 17);
    const talk = async () => {
      await a.send(2, ip4({ src: '10.0.1.2', dst: '10.0.2.2', id: 0 }, udp({ sport: 500, dport: 501 })));
      await b.send(2, ip4({ src: '10.0.2.2', dst: '10.0.1.2', id: 0 }, udp({ sport: 501, dport: 500 })));
      stack.run(10);
    };
    await talk();
    stack.run(2500);
    await talk();
    for (let i = 0; i < 2000; i++) await send(1000 + i);
    const { count, earlyDrop, drop } = await r.conntrack.stats();
    expect(count).toBeLessThanOrEqual(64);
    expect(earlyDrop + drop).toBeGreaterThan(1900);
    expect(await r.conntrack.list()).toContainEqual(
      expect.objectContaining({ orig: expect.objectContaining({ sport: 500 }) }),
    );
    heard.length = 0;
    await talk();
    expect(heard.length).toBeGreaterThanOrEqual(1);
    await r.conntrack.flush();
    expect(freeOf(stack).skbs).toBe(free.skbs);
    await stack.close();
  });

  test('takes another size while connections are in it', async () => {
    const sports = Array.from({ length: 100 }, (_, i) => 1000 + i);
    const { stack, r, send } = await tracked(sports);
    await r.setSysctl('net.netfilter.nf_conntrack_buckets', 16);
    expect(await r.conntrack.list()).toHaveLength(100);
    await r.setSysctl('net.netfilter.nf_conntrack_buckets', 4096);
    await send(1050);
    expect(await r.conntrack.list()).toHaveLength(100);
    await stack.close();
  });

  test('goes with its namespace, and leaves no page', async () => {
    const { stack, r } = await twoNetworks();
    const spare = await stack.namespace('spare');
    const before = freeOf(stack);
    await stack.removeNamespace(spare);
    const again = await stack.namespace('spare');
    await again.conntrack.enable();
    await stack.removeNamespace(again);
    const third = await stack.namespace('spare');
    expect(freeOf(stack)).toEqual(before);
    await stack.removeNamespace(third);
    await r.conntrack.enable();
    await stack.close();
  });
});

describe('masquerading', () => {
  async function behind() {
    const lab = await twoNetworks();
    await installNat(lab.stack, lab.r, [
      { family: 0, hook: 'postrouting', device: 'wan0', to: 'masquerade' },
    ]);
    const heard = await listen(lab.b, 2, 17);
    await lab.a.send(2, ip4({ src: '10.0.1.2', dst: '10.0.2.2', id: 0 }, udp({ sport: 1000, dport: 9 })));
    lab.stack.run(10);
    return { ...lab, heard };
  }

  test('hides the network behind the address of the way out', async () => {
    const { stack, r, heard } = await behind();
    expect(heard[0]!.subarray(12, 16)).toEqual(Uint8Array.of(10, 0, 2, 1));
    expect((await r.conntrack.list())[0]).toMatchObject({ reply: { dst: '10.0.2.1', dport: 1000 } });
    await stack.close();
  });

  test('is forgotten with that address', async () => {
    const { stack, r, wan } = await behind();
    await wan.addAddress('10.0.2.77/24');
    await wan.deleteAddress('10.0.2.77/24');
    expect(await r.conntrack.list()).toHaveLength(1);
    await wan.deleteAddress('10.0.2.1/24');
    expect(await r.conntrack.list()).toHaveLength(0);
    await stack.close();
  });

  test('is forgotten when the device goes down', async () => {
    const { stack, r, wan } = await behind();
    await wan.down();
    expect(await r.conntrack.list()).toHaveLength(0);
    await stack.close();
  });
});

test('nf_conntrack_acct counts packets and bytes of both directions', async () => {
  const { stack, a, r } = await twoNetworks();
  await r.setSysctl('net.netfilter.nf_conntrack_acct', 1);
  await r.conntrack.enable();
  const side = families[0];
  for (let i = 0; i < 3; i++) {
    await a.send(side.family, ping(side, 32));
    stack.run(10);
  }
  expect((await r.conntrack.list())[0]).toMatchObject({
    origCounters: { packets: 3n, bytes: 180n },
    replyCounters: { packets: 3n, bytes: 180n },
  });
  await stack.close();
});
