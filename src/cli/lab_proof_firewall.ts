/**
 * The lab proves that its router is a home router, whoever its hosts are:
 *
 *   masquerade    the WAN host sees the router's address, not the LAN host's
 *   port forward  a port of the router leads to the LAN host, from the WAN and (hairpin) from the LAN itself
 *   firewall      what nobody asked for is dropped, and the drop is explained
 */
import type { ExplainedDrop } from '../replay/explain_drop.js';
import type { LabHostName, LabHosts } from './lab_hosts.js';
import { LAB_CLOSED_PORT, LAB_FORWARD, LAB_LAN, LAB_WAN } from './lab_plan.js';
import type { ProofOptions, ProofResult } from './lab_proof.js';
import type { HomeRouter } from './lab_router.js';

const PATIENCE_MS = 3000;

export interface FirewallProof {
  readonly results: readonly ProofResult[];
  readonly dropped: ExplainedDrop | null;
}

interface Meeting {
  readonly from: LabHostName;
  readonly to: string;
  readonly port: number;
  readonly by: LabHostName;
  readonly seen: string;
}

const FAMILIES = [
  [LAB_LAN.router4, LAB_LAN.host4, LAB_WAN.router4, LAB_WAN.host4],
  [LAB_LAN.router6, LAB_LAN.host6, LAB_WAN.router6, LAB_WAN.host6],
] as const;

const MASQUERADE = FAMILIES.map(
  ([, , router, wan]): Meeting => ({ from: 'lan', to: wan, port: LAB_FORWARD.to, by: 'wan', seen: router }),
);
const FORWARD = FAMILIES.map(
  ([, , router, wan]): Meeting => ({ from: 'wan', to: router, port: LAB_FORWARD.port, by: 'lan', seen: wan }),
);
const HAIRPIN = FAMILIES.map(
  ([inside, , router]): Meeting => ({
    from: 'lan',
    to: router,
    port: LAB_FORWARD.port,
    by: 'lan',
    seen: inside,
  }),
);

const at = (address: string, port: number) =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

export async function proveFirewall(
  peers: LabHosts,
  router: HomeRouter,
  { onResult, signal }: ProofOptions,
): Promise<FirewallProof> {
  const results: ProofResult[] = [];
  const tell = (result: ProofResult) => {
    if (signal?.aborted) return;
    onResult?.(result);
    results.push(result);
  };
  const meet = async (name: string, meetings: readonly Meeting[], told: string) => {
    const wrong = (await Promise.all(meetings.map((meeting) => failure(peers, meeting, signal)))).filter(
      (why) => why !== null,
    );
    tell({ name, ok: wrong.length === 0, detail: wrong.length === 0 ? told : wrong.join('; ') });
  };
  const [four, six] = FAMILIES;
  await meet('NAT to the WAN', MASQUERADE, `the WAN sees ${four[2]} and ${six[2]}, the router's own`);
  const ports = [four, six].map(([, , address]) => at(address, LAB_FORWARD.port)).join(' and ');
  await meet('port forward from the WAN', FORWARD, `the LAN host answers at ${ports}`);
  await meet('port forward from the LAN (hairpin)', HAIRPIN, 'it answers there, too');
  if (signal?.aborted) return { results, dropped: null };
  const { result, dropped } = await proveDrop(peers, router, signal);
  tell(result);
  return { results, dropped };
}

/** Aborted by either. */
function within(ms: number, signal?: AbortSignal): { signal: AbortSignal; end: () => void } {
  const abort = new AbortController();
  const end = () => abort.abort();
  const timer = setTimeout(end, ms);
  if (signal?.aborted) end();
  signal?.addEventListener('abort', end, { once: true });
  abort.signal.addEventListener('abort', () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
  });
  return { signal: abort.signal, end };
}

/** null: as it should be. */
async function failure(
  peers: LabHosts,
  { from, to, port, by, seen }: Meeting,
  signal?: AbortSignal,
): Promise<string | null> {
  const limit = within(PATIENCE_MS, signal);
  try {
    const met = await peers.connect(from, to, port, limit.signal);
    if (met === null) return `${at(to, port)} does not answer`;
    if (met.by !== by) return `${at(to, port)} is the ${met.by.toUpperCase()} host`;
    return met.seen === seen ? null : `${at(to, port)} sees ${met.seen}, not ${seen}`;
  } finally {
    limit.end();
  }
}

async function proveDrop(
  peers: LabHosts,
  router: HomeRouter,
  signal?: AbortSignal,
): Promise<{ result: ProofResult; dropped: ExplainedDrop | null }> {
  const limit = within(PATIENCE_MS, signal);
  const name = 'connection that nobody asked for';
  const toward = `> ${LAB_LAN.host4}.${LAB_CLOSED_PORT}:`;
  try {
    const drop = router.nextDrop((packet) => packet.includes(toward), limit.signal);
    const met = peers.connect('wan', LAB_LAN.host4, LAB_CLOSED_PORT, limit.signal);
    const first = await Promise.race([drop, met]);
    const dropped = first !== null && 'reason' in first ? first : null;
    if (dropped !== null) {
      const rule = dropped.rule === undefined ? 'by the policy' : 'by a rule';
      return { result: { name, ok: true, detail: `dropped ${rule} of ${dropped.chain ?? '?'}` }, dropped };
    }
    const detail = first === null ? 'nothing was seen of it' : 'the LAN host answered';
    return { result: { name, ok: false, detail }, dropped };
  } finally {
    limit.end();
  }
}
