/** What a frame of the generator has to be, built by other code: the signature of abi/pktgen.ts and the fill behind it. */
import { crc32 } from 'node:zlib';
import { Pktgen, type StreamSpec } from '../../src/net/pktgen.js';
import type { Stack } from '../../src/stack.js';
import { createStack } from '../../src/stack.js';
import { ScriptDriver } from '../script_driver.js';

export interface Signature {
  readonly stream: number;
  readonly run: number;
  readonly seq: bigint;
  readonly tx: bigint;
}

const LONG = 32;
const SHORT = 18;

/** The payload of `bytes`: signature and counting bytes. */
export function payloadOf({ stream, run, seq, tx }: Signature, bytes: number): Uint8Array {
  const out = Uint8Array.from({ length: bytes }, (_, i) => i & 255);
  const view = new DataView(out.buffer);
  const long = bytes >= LONG;
  view.setUint16(0, long ? 0x4757 : 0x5357, true);
  view.setUint16(2, stream, true);
  view.setUint16(4, run, true);
  const size = long ? LONG : SHORT;
  if (long) {
    view.setUint16(6, 0, true);
    view.setBigUint64(8, seq, true);
    view.setBigUint64(16, tx, true);
    view.setUint32(24, bytes, true);
  } else {
    view.setUint32(6, Number(seq & 0xffffffffn), true);
    view.setUint32(10, Number(tx & 0xffffffffn), true);
  }
  view.setUint32(size - 4, crc32(out.subarray(0, size - 4), crc32(out.subarray(size))), true);
  return out;
}

export const SRC_MAC = '02:00:00:00:00:99';
export const DST_MAC = '02:00:00:00:00:02';

export interface Sender {
  stack: Stack;
  pktgen: Pktgen;
  driver: ScriptDriver;
  /** Sends `count` frames of the stream and gives them. */
  send(
    more: Partial<StreamSpec>,
    count: number,
  ): Promise<{ frames: Uint8Array[]; run: number; atNs: number }>;
}

/** A stack with one port whose frames are kept. */
export async function sender(options: { scalar?: boolean } = {}): Promise<Sender> {
  const stack = await createStack({ clock: 'virtual', seed: 5, ...options });
  const ns = await stack.namespace('p0');
  await ns.setSysctl('net.ipv6.conf.default.disable_ipv6', 1);
  const driver = new ScriptDriver();
  const link = await stack.port(ns, driver, { name: 'p0', mac: SRC_MAC });
  stack.run(10);
  const pktgen = new Pktgen(stack.core);
  return {
    stack,
    pktgen,
    driver,
    async send(more, count) {
      driver.sent.length = 0;
      const atNs = stack.clock.now();
      await pktgen.addStream(link, {
        id: 7,
        proto: 'udp',
        src: '198.18.0.2',
        dst: '198.19.0.2',
        sport: 1024,
        srcMac: SRC_MAC,
        dstMac: DST_MAC,
        sizes: { kind: 'table', entries: [[60, 1]] },
        rate: { kind: 'max', value: 0 },
        count,
        ...more,
      });
      await pktgen.start(more.id ?? 7);
      const { run } = await pktgen.figures(more.id ?? 7);
      stack.run(0);
      const frames = [...driver.sent];
      await pktgen.deleteStream();
      return { frames, run, atNs };
    },
  };
}
