/**
 * The generator and the sink through a router in one process, with the virtual clock: counts are exact.
 *
 *   a ── lan0 r wan0 ── b       streams leave a's eth0 straight for the router, the sink stands at b's eth0
 */
import { describe, expect, test } from 'vitest';
import { Pktgen, type StreamSpec } from '../../src/net/pktgen.js';
import { freeOf, twoNetworks, type TwoNetworks } from './lab.js';

interface Lab extends TwoNetworks {
  pktgen: Pktgen;
  spec(more: Partial<StreamSpec>): StreamSpec;
}

async function lab(): Promise<Lab> {
  const net = await twoNetworks();
  const pktgen = new Pktgen(net.stack.core);
  const srcMac = (await net.a0.info()).mac;
  const dstMac = (await net.lan.info()).mac;
  // Known from the start, so that nothing waits for an answer.
  for (const address of ['10.0.2.2', 'fd02::2'])
    await net.r.addNeighbour(net.wan, { address, mac: (await net.b0.info()).mac });
  const spec = (more: Partial<StreamSpec>): StreamSpec => ({
    id: 1,
    proto: 'udp',
    src: '10.0.1.2',
    dst: '10.0.2.2',
    srcMac,
    dstMac,
    sizes: { kind: 'table', entries: [[60, 1]] },
    rate: { kind: 'pps', value: 1000 },
    ...more,
  });
  return { ...net, pktgen, spec };
}

describe('from generator to sink through a router', () => {
  test('every frame of a rate in frames a second arrives, exactly as many as were due', async () => {
    const { stack, pktgen, spec, a0, b0 } = await lab();
    const before = freeOf(stack);
    await pktgen.addSink(b0);
    await pktgen.addStream(a0, spec({ durationNs: 2e9 }));
    await pktgen.start();
    stack.run(999);
    expect(await pktgen.figures(1)).toMatchObject({ packets: 1000, running: true });
    stack.run(5000);
    expect(await pktgen.figures(1)).toMatchObject({
      packets: 2000,
      bytes: 120_000,
      running: false,
      missed: 0,
    });
    const [rx] = await pktgen.sinkStreams(b0);
    expect(rx).toMatchObject({
      id: 1,
      packets: 2000,
      bytes: 120_000,
      unique: 2000,
      lost: 0,
      reordered: 0,
      duplicated: 0,
      corrupted: 0,
      runs: 1,
    });
    await pktgen.deleteStream();
    await pktgen.deleteSink(b0);
    expect(freeOf(stack)).toEqual(before);
    await stack.close();
  });
});
