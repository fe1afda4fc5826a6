/** What the lab is made of, whoever its hosts are: lab_with_kernel.ts and lab_in_process.ts make one each. */
import type { Link } from '../net/link.js';
import type { Namespace } from '../net/namespace.js';
import type { LabLinkPlan } from './lab_plan.js';
import type { LabHosts } from './lab_hosts.js';
import type { ProofOptions, ProofResult } from './lab_proof.js';
import type { HomeRouter } from './lab_router.js';

export interface Lab {
  readonly hosts: 'kernel' | 'in-process';
  /** What the hosts are, in a line. */
  readonly about: string;
  /** What to try next, ready to be pasted. */
  readonly hints: readonly string[];
  /** The router's. */
  readonly links: readonly Link[];
  readonly router: HomeRouter;
  readonly peers: LabHosts;
  prove(options: ProofOptions): Promise<ProofResult[]>;
  /** Called once the proof is done: traffic of its own, for a lab that nobody else can reach. */
  startTraffic?(): void;
  close(): Promise<void>;
}

/**
 * Before the links are made. All addresses of the lab are planned: duplicate address detection would only hold back the
 * link-local ones, and with them the first packets, for a second or two.
 */
export async function skipDad(namespace: Namespace): Promise<void> {
  for (const where of ['all', 'default']) await namespace.setSysctl(`net.ipv6.conf.${where}.accept_dad`, 0);
}

export async function forwardPackets(router: Namespace): Promise<void> {
  await router.setSysctl('net.ipv4.ip_forward', 1);
  await router.setSysctl('net.ipv6.conf.all.forwarding', 1);
}

export async function addRouterAddresses(link: Link, plan: LabLinkPlan): Promise<void> {
  await link.addAddress(`${plan.router4}/${plan.prefix4}`);
  await link.addAddress(`${plan.router6}/${plan.prefix6}`, { nodad: true });
}
