/** Suite `transfer`: a megabyte each way at once over one TCP connection through the board, equal by SHA-256 at both ends. */
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { join } from 'node:path';
import { BoardNetwork, FAMILIES, FAR } from '../lab/board_network.js';
import { projectRoot } from '../rig/images.js';
import { type Figures, type Place, suite } from '../rig/suite.js';

const MEGABYTE = 1_000_000;
const LIMIT_MS = 300_000;

interface End {
  readonly sent: string;
  readonly received: string;
  readonly bytes: number;
  readonly ms: number;
}

async function transfer({ near, far }: BoardNetwork, family: 0 | 1, { seed }: Place): Promise<Figures> {
  const program = join(projectRoot(), 'hil/stream_end.mjs');
  const address = FAR.addresses[family];
  const amount = `${MEGABYTE}`;
  const { match, child } = await far.start(
    /^port (\d+)\n/,
    process.execPath,
    ...[program, 'listen', address, `${2 * seed + 1}`, amount],
  );
  let text = '';
  child.stdout!.on('data', (more: string) => {
    text += more;
  });
  const ended = once(child, 'close');
  const client = await near.run(
    LIMIT_MS,
    process.execPath,
    program,
    'connect',
    address,
    match[1]!,
    `${2 * seed + 3}`,
    amount,
  );
  assert.equal(client.code, 0, client.stderr);
  await ended;
  const one = JSON.parse(client.stdout) as End;
  const two = JSON.parse(text) as End;
  assert.deepEqual([one.bytes, two.bytes], [MEGABYTE, MEGABYTE], 'bytes that came');
  assert.notEqual(one.sent, two.sent);
  assert.equal(one.received, two.sent, 'SHA-256 from the board’s side');
  assert.equal(two.received, one.sent, 'SHA-256 to the board’s side');
  return { kBps: Math.round((2 * MEGABYTE) / one.ms), sha256: [one.sent, two.sent] };
}

export const transferSuite = suite<BoardNetwork>({
  name: 'transfer',
  needs: ['root', 'tun', 'ethernet', 'command ip'],
  open: (place) => BoardNetwork.open(place),
  cases: () =>
    FAMILIES.map(([family, index]) => ({
      name: `1 MB each way at once by IPv${family}, SHA-256 equal`,
      limitMs: LIMIT_MS,
      run: (bench, place) => transfer(bench, index, place),
    })),
});
