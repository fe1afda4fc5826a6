/**
 * The lab without privileges, on any system: the hosts are namespaces of the same core, joined to the router by veth.
 * The proof is the same, by our own ping, and so is the traffic that the live view shows.
 */
import { NetError } from '../net_error.js';
import type { Link } from '../net/link.js';
import type { Namespace } from '../net/namespace.js';
import { createStack, type Stack } from '../stack.js';
import { Pinger, type PingResult } from '../tools/ping.js';
import { openInProcessHosts } from './lab_hosts_in_process.js';
import { LAB_LAN, LAB_WAN, type LabLinkPlan } from './lab_plan.js';
import type { ProofOptions, ProofResult } from './lab_proof.js';
import { openHomeRouter } from './lab_router.js';
import { addRouterAddresses, forwardPackets, type Lab, skipDad } from './lab_setup.js';
import type { UpContext } from './up_context.js';

const ECHOES = 3;
const PING_EVERY_MS = 20;
const TRAFFIC_BYTES = 1000;
const IPV4_HEADERS = 28; // IPv4 and ICMP
const IPV6_HEADERS = 48;

export async function openLabInProcess(context: Pick<UpContext, 'jit' | 'log'>): Promise<Lab> {
  const stack = await createStack();
  try {
    const router = await stack.namespace('router');
    await skipDad(router);
    await forwardPackets(router);
    const lan = await stack.namespace('lan');
    const wan = await stack.namespace('wan');
    for (const host of [lan, wan]) await skipDad(host);
    const links = [await join(stack, router, lan, LAB_LAN), await join(stack, router, wan, LAB_WAN)];
    const home = await openHomeRouter(stack, { namespace: router, links, ports: [] }, context);
    const peers = await openInProcessHosts({ lan, wan });
    const pinger = await Pinger.open(lan);
    let traffic: NodeJS.Timeout | undefined;
    return {
      hosts: 'in-process',
      about: 'hosts in this process: nothing of them is visible outside',
      hints: hints(),
      links,
      router: home,
      peers,
      prove: (options) => prove(pinger, options),
      startTraffic() {
        let turn = 0;
        traffic = setInterval(() => {
          const to = turn++ % 2 === 0 ? LAB_WAN.host4 : LAB_WAN.host6;
          // Its answers are seen in the figures.
          void pinger.ping(to, { size: TRAFFIC_BYTES }).catch(() => {});
        }, PING_EVERY_MS);
      },
      async close() {
        clearInterval(traffic);
        await pinger.close();
        await peers.close();
        await home.close();
        await stack.close();
      },
    };
  } catch (error) {
    await stack.close();
    throw error;
  }
}

function hints(): string[] {
  const notRoot = process.platform === 'linux' && process.getuid?.() !== 0;
  return [
    ...(notRoot ? ['sudo npm start             the same lab with hosts of the kernel'] : []),
    'npm start -- router.yaml   a router of your own; README.md has an example',
  ];
}

/** Joins a host to the router; returns the router's link. */
async function join(stack: Stack, router: Namespace, host: Namespace, plan: LabLinkPlan): Promise<Link> {
  const [link, eth0] = await stack.veth([router, plan.link], [host, 'eth0'], plan.mtu);
  await addRouterAddresses(link, plan);
  await eth0.addAddress(`${plan.host4}/${plan.prefix4}`);
  await eth0.addAddress(`${plan.host6}/${plan.prefix6}`, { nodad: true });
  await host.addRoute({ to: 'default', via: plan.router4 });
  await host.addRoute({ to: 'default', via: plan.router6, oif: eth0.ifindex });
  return link;
}

type Judged = Omit<ProofResult, 'name'>;

/** As lab_proof.ts does with the kernel's ping. */
async function prove(pinger: Pinger, { onResult, signal }: ProofOptions): Promise<ProofResult[]> {
  const full = { dontFragment: true };
  const proofs: [string, () => Promise<Judged>][] = [
    ['IPv4 ping through the router', () => proveEcho(pinger, LAB_WAN.host4)],
    ['IPv6 ping through the router', () => proveEcho(pinger, LAB_WAN.host6)],
    [
      'IPv4 hop whose TTL expires',
      async () => judgeHopLimit(await pinger.ping(LAB_WAN.host4, { ttl: 1 }), 11, LAB_LAN.router4),
    ],
    [
      'IPv6 hop whose limit expires',
      async () => judgeHopLimit(await pinger.ping(LAB_WAN.host6, { ttl: 1 }), 3, LAB_LAN.router6),
    ],
    [
      'IPv4 packet larger than the WAN takes',
      async () => {
        const size = LAB_LAN.mtu - IPV4_HEADERS;
        return judgeTooBig(await pinger.ping(LAB_WAN.host4, { ...full, size }), LAB_LAN.router4);
      },
    ],
    [
      'IPv6 packet larger than the WAN takes',
      async () => {
        const size = LAB_LAN.mtu - IPV6_HEADERS;
        return judgeTooBig(await pinger.ping(LAB_WAN.host6, { ...full, size }), LAB_LAN.router6);
      },
    ],
  ];
  const results: ProofResult[] = [];
  for (const [name, run] of proofs) {
    const judged = await run();
    if (signal?.aborted) break;
    const result = { name, ...judged };
    onResult?.(result);
    results.push(result);
  }
  return results;
}

async function proveEcho(pinger: Pinger, to: string): Promise<Judged> {
  let received = 0;
  let totalMs = 0;
  let failure = '';
  for (let i = 0; i < ECHOES; i++) {
    const result = await pinger.ping(to);
    if (result.kind === 'reply') {
      received++;
      totalMs += result.rttMs;
    } else failure = `; ${say(result)}`;
  }
  const time = received === 0 ? '' : `, ${(totalMs / received).toFixed(3)} ms`;
  return { ok: received === ECHOES, detail: `${received} of ${ECHOES} answered${time}${failure}` };
}

function judgeHopLimit(result: PingResult, type: number, router: string): Judged {
  const expired = result.kind === 'error' && result.type === type && result.code === 0;
  if (!expired) return { ok: false, detail: say(result) };
  const ok = result.from === router;
  const from = ok ? `, from the router ${router}` : ` from ${result.from}, not ${router}`;
  return { ok, detail: `time exceeded${from}` };
}

function judgeTooBig(result: PingResult, router: string): Judged {
  if (result.kind !== 'error' || result.mtu === undefined) return { ok: false, detail: say(result) };
  const ok = result.from === router && result.mtu === LAB_WAN.mtu;
  const expected = ok ? '' : `; expected MTU ${LAB_WAN.mtu} from ${router}`;
  const who = result.from === router ? 'the router ' : '';
  return { ok, detail: `too big, MTU ${result.mtu}, from ${who}${result.from}${expected}` };
}

function say(result: PingResult): string {
  switch (result.kind) {
    case 'reply':
      return `answered by ${result.from}`;
    case 'error':
      return `${result.text} from ${result.from}`;
    case 'refused':
      return result.text;
    case 'timeout':
      return 'no answer';
    default:
      throw new NetError('EPROTO', `no such result: ${JSON.stringify(result satisfies never)}`);
  }
}
