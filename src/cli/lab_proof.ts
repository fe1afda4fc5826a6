/**
 * The lab proves itself, from the kernel's side: the LAN host pings the WAN host through the router, and each answer is
 * read from ping's output (iputils).
 *
 *   echo       both families reach the far host and come back
 *   hop limit  a packet with TTL 1 ends at the router, and the router says so
 *   too big    a full packet does not fit the WAN, and the router says what fits
 */
import { spawn, spawnSync } from 'node:child_process';
import type { LabNames } from './lab_kernel.js';
import { LAB_FORWARD, LAB_LAN, LAB_WAN } from './lab_plan.js';

export interface ProofResult {
  readonly name: string;
  readonly ok: boolean;
  /** What was seen, or what to do. */
  readonly detail: string;
}

type Judge = (output: string) => { ok: boolean; detail: string };

interface Proof {
  readonly name: string;
  /** ping's arguments. */
  readonly args: readonly string[];
  readonly judge: Judge;
}

const IPV4_HEADERS = 28; // IPv4 and ICMP
const IPV6_HEADERS = 48;

/** The echoes come first: they also resolve the neighbours that the others need. */
const ROUNDS: readonly (readonly Proof[])[] = [
  [
    {
      name: 'IPv4 ping through the router',
      args: ['-4', '-c', '3', '-i', '0.2', '-W', '2', LAB_WAN.host4],
      judge: judgeEcho,
    },
    {
      name: 'IPv6 ping through the router',
      args: ['-6', '-c', '3', '-i', '0.2', '-W', '2', LAB_WAN.host6],
      judge: judgeEcho,
    },
  ],
  [
    {
      name: 'IPv4 hop whose TTL expires',
      args: ['-4', '-c', '1', '-W', '2', '-t', '1', LAB_WAN.host4],
      judge: judgeHopLimit(LAB_LAN.router4),
    },
    {
      name: 'IPv6 hop whose limit expires',
      args: ['-6', '-c', '1', '-W', '2', '-t', '1', LAB_WAN.host6],
      judge: judgeHopLimit(LAB_LAN.router6),
    },
    {
      name: 'IPv4 packet larger than the WAN takes',
      args: ['-4', '-c', '1', '-W', '2', '-M', 'do', '-s', String(LAB_LAN.mtu - IPV4_HEADERS), LAB_WAN.host4],
      judge: judgeTooBig(LAB_LAN.router4, LAB_WAN.mtu),
    },
    {
      name: 'IPv6 packet larger than the WAN takes',
      args: ['-6', '-c', '1', '-W', '2', '-M', 'do', '-s', String(LAB_LAN.mtu - IPV6_HEADERS), LAB_WAN.host6],
      judge: judgeTooBig(LAB_LAN.router6, LAB_WAN.mtu),
    },
  ],
];

export interface ProofOptions {
  /** Hears of each result as it is known. */
  readonly onResult?: (result: ProofResult) => void;
  /** Ends the pings; what is not known by then is left out. */
  readonly signal?: AbortSignal;
}

/** Takes about a second when all is well. */
export async function proveLab(
  names: LabNames,
  { onResult, signal }: ProofOptions = {},
): Promise<ProofResult[]> {
  const why = whyNoPing();
  if (why !== null) {
    const result = { name: 'ping', ok: false, detail: why };
    onResult?.(result);
    return [result];
  }
  const results: ProofResult[] = [];
  for (const round of ROUNDS) {
    const judged = round.map(async ({ name, args, judge }) => {
      let verdict = judge(await ping(names.lan.namespace, args, signal));
      // One packet lost by a machine that was busy starting things proves nothing: the second answer counts.
      if (!verdict.ok) verdict = judge(await ping(names.lan.namespace, args, signal));
      if (signal?.aborted) return [];
      const result = { name, ...verdict };
      onResult?.(result);
      return [result];
    });
    results.push(...(await Promise.all(judged)).flat());
  }
  return results;
}

/** null when iputils' ping is there; BusyBox's and inetutils' know no -M. */
export function whyNoPing(): string | null {
  const { stdout, error } = spawnSync('ping', ['-V'], { encoding: 'utf8' });
  if (error) return 'ping is not installed, nothing was proven; install it: apt-get install iputils-ping';
  if (/iputils/.test(stdout)) return null;
  return 'this ping is not that of iputils, nothing was proven; install it: apt-get install iputils-ping';
}

/** Both outputs of ping; its exit code says no more than they do. */
function ping(namespace: string, args: readonly string[], signal?: AbortSignal): Promise<string> {
  if (signal?.aborted) return Promise.resolve('');
  return new Promise((resolve, reject) => {
    const child = spawn('ip', ['netns', 'exec', namespace, 'ping', '-n', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
      ...(signal && { signal }),
    });
    let output = '';
    const add = (text: string) => {
      output += text;
    };
    child.stdout.setEncoding('utf8').on('data', add);
    child.stderr.setEncoding('utf8').on('data', add);
    child.once('error', (error) => (signal?.aborted ? resolve('') : reject(error)));
    child.once('close', () => resolve(output));
  });
}

export function judgeEcho(output: string): { ok: boolean; detail: string } {
  const counts = /(\d+) packets transmitted, (\d+) received/.exec(output);
  if (counts === null) return { ok: false, detail: complaint(output) };
  const [, sent, received] = counts;
  const average = /= [\d.]+\/([\d.]+)\//.exec(output)?.[1];
  const time = average === undefined ? '' : `, ${average} ms`;
  const ok = received === sent;
  return { ok, detail: `${received} of ${sent} answered${time}${ok ? '' : `; ${complaint(output)}`}` };
}

export function judgeHopLimit(router: string): Judge {
  return (output) => {
    const from = /From (\S+?):? icmp_seq=\d+ (?:Time to live exceeded|Time exceeded: Hop limit)/.exec(
      output,
    )?.[1];
    if (from === undefined) return { ok: false, detail: complaint(output) };
    const ok = from === router;
    return {
      ok,
      detail: ok ? `time exceeded, from the router ${from}` : `time exceeded from ${from}, not ${router}`,
    };
  };
}

export function judgeTooBig(router: string, mtu: number): Judge {
  return (output) => {
    const remote =
      /From (\S+?):? icmp_seq=\d+ (?:Frag needed and DF set|Packet too big).*?mtu ?= ?(\d+)/.exec(output);
    // After a first error the host knows the path MTU and sends nothing at all.
    const local = /local error: message too long, mtu[=:] ?(\d+)/i.exec(output);
    const seen = Number(remote?.[2] ?? local?.[1]);
    if (Number.isNaN(seen)) return { ok: false, detail: complaint(output) };
    const who = remote ? `from ${remote[1] === router ? 'the router ' : ''}${remote[1]}` : 'learned before';
    const ok = seen === mtu && (!remote || remote[1] === router);
    return { ok, detail: `too big, MTU ${seen}, ${who}${ok ? '' : `; expected MTU ${mtu} from ${router}`}` };
  };
}

/** The line of ping's output that says most about a failure. */
function complaint(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  const telling =
    lines.find((line) => /^(From|ping:|exec of)/.test(line)) ??
    lines.find((line) => /packet loss/.test(line));
  return telling ? telling : 'no answer';
}

/** What a user can try next, ready to be pasted. */
export function labHints({ lan, wan }: LabNames): string[] {
  return [
    `ip netns exec ${lan.namespace} ping ${LAB_WAN.host4}`,
    `ip netns exec ${lan.namespace} ping ${LAB_WAN.host6}`,
    `ip netns exec ${wan.namespace} iperf3 -s -D -1`,
    `ip netns exec ${lan.namespace} iperf3 -c ${LAB_WAN.host4}`,
    `ip netns exec ${wan.namespace} curl http://${LAB_WAN.router4}:${LAB_FORWARD.port}`,
  ];
}
