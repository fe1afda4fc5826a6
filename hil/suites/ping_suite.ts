/** Suite `ping`: the kernel's ping between hosts on both sides of the board, small and as large as it goes. */
import { strict as assert } from 'node:assert';
import { BoardNetwork, FAMILIES, FAR, NEAR } from '../lab/board_network.js';
import type { HostPlan, KernelHost } from '../lab/kernel_host.js';
import { type Figures, suite } from '../rig/suite.js';

const SIZES = [0, 56, 1472, 65_000] as const;
const COUNT = 3;
const PATIENCE_S = 15;
/** A packet of so many fragments fills the board's ring: the next one waits for its reply. */
const ALONE_BYTES = 10_000;
const LIMIT_MS = 60_000;

async function ping(from: KernelHost, to: HostPlan, family: 0 | 1, bytes: number): Promise<Figures> {
  const together = bytes < ALONE_BYTES ? COUNT : 1;
  const times: number[] = [];
  while (times.length < COUNT) {
    const { code, stdout, stderr } = await from.run(
      LIMIT_MS,
      'ping',
      ...[
        '-n',
        '-c',
        `${together}`,
        '-i',
        '0.2',
        '-W',
        `${PATIENCE_S}`,
        '-s',
        `${bytes}`,
        to.addresses[family],
      ],
    );
    assert.ok(code === 0 && stdout.includes(`${together} received, 0% packet loss`), `${stdout}${stderr}`);
    const found = [...stdout.matchAll(/time=([\d.]+)/g)].map(([, ms]) => Number(ms));
    times.push(...(found.length > 0 ? found : new Array<number>(together).fill(0)));
  }
  times.sort((a, b) => a - b);
  return { rttMs: times[COUNT >> 1]! };
}

export const pingSuite = suite<BoardNetwork>({
  name: 'ping',
  needs: ['root', 'tun', 'ethernet', 'command ip', 'command ping'],
  open: (place) => BoardNetwork.open(place),
  cases: () =>
    FAMILIES.flatMap(([family, index]) => [
      ...SIZES.map((bytes) => ({
        name: `${bytes} bytes by IPv${family}, to the board's side`,
        limitMs: LIMIT_MS,
        run: ({ near }: BoardNetwork) => ping(near, FAR, index, bytes),
      })),
      {
        name: `65000 bytes by IPv${family}, from the board's side`,
        limitMs: LIMIT_MS,
        run: ({ far }: BoardNetwork) => ping(far, NEAR, index, 65_000),
      },
    ]),
});
