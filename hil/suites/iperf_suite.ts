/** Suite `iperf`: iperf3 through the board, TCP and UDP, both ways. UDP at a rate that every board's line bears loses nothing. */
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { BoardNetwork, FAMILIES, FAR } from '../lab/board_network.js';
import { type Figures, suite } from '../rig/suite.js';

/** A slow line is the queue: more in the sockets would only wait there. */
const SOCKET_BYTES = '32K';
const UDP_RATE = '200K';
const UDP_BYTES = '1000';
const LIMIT_MS = 60_000;

interface Iperf {
  readonly error?: string;
  readonly end: {
    readonly sum_received: { readonly bytes: number; readonly seconds: number };
    readonly sum?: { readonly lost_packets: number; readonly packets: number };
  };
}

/** A server for each: one that goes on does not listen for a moment between two clients. */
async function iperf(
  { near, far }: BoardNetwork,
  family: 0 | 1,
  seconds: number,
  ...options: string[]
): Promise<Iperf['end']> {
  const { child } = await far.start(/Server listening/, 'iperf3', '-s', '-1', '--forceflush');
  const ended = once(child, 'close');
  const { stdout, stderr } = await near.run(
    LIMIT_MS,
    'iperf3',
    ...['-J', '-c', FAR.addresses[family], '-t', `${seconds}`, '-w', SOCKET_BYTES, ...options],
  );
  const { end, error } = JSON.parse(stdout || '{"error":"it said nothing"}') as Iperf;
  assert.equal(error, undefined, `iperf3: ${error} ${stderr}`);
  await ended;
  return end;
}

async function tcp(bench: BoardNetwork, family: 0 | 1, seconds: number, options: string[]): Promise<Figures> {
  const { sum_received: got } = await iperf(bench, family, seconds, ...options);
  const kBps = Math.round(got.bytes / got.seconds / 1000);
  assert.ok(got.bytes > 0, 'something came');
  return { kBps };
}

async function udp(bench: BoardNetwork, family: 0 | 1, seconds: number, options: string[]): Promise<Figures> {
  const { sum } = await iperf(bench, family, seconds, '-u', '-b', UDP_RATE, '-l', UDP_BYTES, ...options);
  assert.ok(sum !== undefined && sum.packets > 0, 'datagrams were sent');
  assert.equal(sum.lost_packets, 0, `of ${sum.packets} datagrams were lost`);
  return { datagrams: sum.packets };
}

const PROTOCOLS = [
  ['TCP', tcp],
  ['UDP', udp],
] as const;
const WAYS = [
  ["to the board's side", []],
  ["from the board's side", ['-R']],
] as const;

export const iperfSuite = suite<BoardNetwork>({
  name: 'iperf',
  needs: ['root', 'tun', 'ethernet', 'command ip', 'command iperf3'],
  open: (place) => BoardNetwork.open(place),
  cases: (long) =>
    FAMILIES.flatMap(([family, index]) =>
      PROTOCOLS.flatMap(([protocol, run]) =>
        WAYS.map(([way, options]) => ({
          name: `${protocol} by IPv${family}, ${way}`,
          limitMs: LIMIT_MS,
          run: (bench: BoardNetwork) => run(bench, index, long ? 10 : 1, [...options]),
        })),
      ),
    ),
});
