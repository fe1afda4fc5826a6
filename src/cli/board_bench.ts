/**
 * `ww board bench`: how fast a line is: round trips of calls of three sizes, one after the other, and what that makes
 * in bytes a second. The line is all that is in it: echoes are answered by the board's main loop.
 */
import { LINK_PAYLOAD_MAX, LinkCall, LinkOp } from '../../assembly/abi/link.js';
import type { BoardLink } from '../drivers/serial/board_link.js';
import { NetError } from '../net_error.js';

const SIZES = [16, 512, LINK_PAYLOAD_MAX - LinkCall.SIZE] as const;
const ROUNDS = 50;
const KB = 1024;

export interface EchoFigures {
  readonly bytes: number;
  /** Milliseconds. */
  readonly rttMedian: number;
  readonly rttMin: number;
  readonly rttMax: number;
  /** KiB a second each way, one call at a time. */
  readonly kibPerS: number;
}

/** Rejects when an echo comes back as other bytes than it went. */
export async function benchLine(link: BoardLink): Promise<EchoFigures[]> {
  const figures: EchoFigures[] = [];
  for (const bytes of SIZES) {
    const data = Uint8Array.from({ length: bytes }, (_, i) => (i * 31) & 255);
    const times: number[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      const begin = performance.now();
      const { data: back } = await link.call(LinkOp.ECHO, data, `echo of ${bytes} bytes`);
      times.push(performance.now() - begin);
      if (Buffer.compare(back, data) !== 0)
        throw new NetError('EIO', `an echo of ${bytes} bytes came back changed`);
    }
    times.sort((a, b) => a - b);
    const total = times.reduce((sum, ms) => sum + ms, 0);
    figures.push({
      bytes,
      rttMedian: times[ROUNDS >> 1]!,
      rttMin: times[0]!,
      rttMax: times[ROUNDS - 1]!,
      kibPerS: (bytes * ROUNDS) / KB / (total / 1000),
    });
  }
  return figures;
}
