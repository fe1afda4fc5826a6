/**
 * `ww up` without a file: the built-in lab, a home router between a LAN and a WAN. It proves itself, explains a packet that
 * it dropped, says what to try next, shows live figures until its end, and removes all that it made.
 *
 *   root on Linux      hosts of the kernel, by TAP       lab_with_kernel.ts
 *   everybody else     hosts in this process, by veth    lab_in_process.ts
 *
 * Exit code 1 when a part of the proof failed; the lab runs on meanwhile, so that one can look.
 */
import { basename, relative } from 'node:path';
import { NetError } from '../net_error.js';
import type { ExplainedDrop } from '../replay/explain_drop.js';
import { EXIT_DONE, EXIT_FAILED } from './command_line.js';
import { LAB_LAN, LAB_WAN, type LabLinkPlan } from './lab_plan.js';
import type { ProofOptions, ProofResult } from './lab_proof.js';
import { proveFirewall } from './lab_proof_firewall.js';
import type { Lab } from './lab_setup.js';
import { PortFigures } from './port_figures.js';
import { runUntilDone } from './run.js';
import { paint } from './screen.js';
import type { UpContext } from './up_context.js';
import { VERSION, versions } from './version.js';

/** A machine without TUN, without ip(8), or that does not let us: the lab can do without all of them. */
const KERNEL_REFUSES = new Set(['EPERM', 'EACCES', 'ENOENT', 'ENODEV', 'ENXIO', 'ENOSYS']);

export async function runLab(context: UpContext): Promise<number> {
  const beginMs = performance.now();
  const lab = await openLab(context);
  introduce(lab, context);
  const figures = new PortFigures(lab.links);
  const seen: ProofResult[] = [];
  const abort = new AbortController();
  let complete = false;
  let dropped: ExplainedDrop | null = null;
  const proof = (async () => {
    const options: ProofOptions = {
      signal: abort.signal,
      onResult: (result) => {
        seen.push(result);
        tellResult(result, context);
      },
    };
    await lab.prove(options);
    if (!abort.signal.aborted) dropped = (await proveFirewall(lab.peers, lab.router, options)).dropped;
    if (abort.signal.aborted) return;
    complete = true;
    if (dropped !== null) tellDrop(dropped, context);
    suggest(lab, context);
    lab.startTraffic?.();
  })();
  const allOk = () => complete && seen.every(({ ok }) => ok);
  let early = false;
  const code = await runUntilDone({
    ...context,
    source: figures,
    // The lab has no end of its own, but a proof that cannot be made is one.
    done: new Promise((_, fail) => void proof.catch(fail)),
    summary: async () => ({
      ok: allOk(),
      hosts: lab.hosts,
      proof: { complete, results: seen },
      dropped,
      rules: lab.router.rulesFile,
      seconds: seconds(beginMs),
      ...(await figures.totals()),
      rssMb: Math.round(process.memoryUsage.rss() / 2 ** 20),
      versions: await versions(),
    }),
    close: async () => {
      early = !complete && context.durationS !== undefined;
      abort.abort();
      await proof.catch(() => {}); // told by `done`
      await lab.close();
    },
  });
  if (early) context.log.error({}, 'the lab ended before it was proven; give it a longer --duration');
  const failed = early || seen.some(({ ok }) => !ok);
  return code === EXIT_DONE && failed ? EXIT_FAILED : code;
}

async function openLab(context: UpContext): Promise<Lab> {
  const { log, pcapDir } = context;
  const why = whyNotKernel();
  if (why === null) {
    const { openLabWithKernel } = await import('./lab_with_kernel.js');
    try {
      return await openLabWithKernel(context);
    } catch (error) {
      if (!(error instanceof NetError) || !KERNEL_REFUSES.has(error.code)) throw error;
      log.warn({ why: error.message }, 'no hosts of the kernel here, the lab runs in this process');
    }
  } else {
    log.info({ why }, 'the lab runs in this process');
  }
  if (pcapDir !== undefined)
    log.warn({}, '--pcap has no effect: in this process there are no ports to capture');
  const { openLabInProcess } = await import('./lab_in_process.js');
  return await openLabInProcess(context);
}

function whyNotKernel(): string | null {
  if (process.platform !== 'linux') return `hosts of the kernel need Linux, this is ${process.platform}`;
  return process.getuid?.() === 0 ? null : 'hosts of the kernel need root';
}

/** Lines for people above the live figures; in a pipe each becomes a line of the log. */
function introduce(lab: Lab, { screen, log }: UpContext): void {
  if (screen === null) {
    log.info({ version: VERSION, hosts: lab.hosts }, lab.about);
    return;
  }
  const side = (who: string, { host4, host6, link, router4, router6, mtu }: LabLinkPlan) =>
    `  ${who}  ${host4.padEnd(14)} ${host6.padEnd(16)} ── ${link}  ${router4.padEnd(14)} ${router6.padEnd(16)} MTU ${mtu}\n`;
  screen.print(
    `Wirewright ${VERSION}: a LAN host, a WAN host, and the home router between them\n` +
      `${side('LAN', LAB_LAN)}${side('WAN', LAB_WAN)}  ${lab.about}\n\n`,
  );
}

function tellResult({ name, ok, detail }: ProofResult, { screen, log }: UpContext): void {
  if (screen === null) {
    if (ok) log.info({ ok, detail }, name);
    else log.error({ ok, detail }, name);
    return;
  }
  const mark = ok ? paint('ok  ', 'green', screen.color) : paint('FAIL', 'red', screen.color);
  screen.print(`  ${mark}  ${name}: ${detail}\n`);
}

/** A packet that the firewall did not let through: what it was, and the rule that decided. */
function tellDrop(drop: ExplainedDrop, { screen, log }: UpContext): void {
  if (screen === null) {
    log.info({ ...drop }, 'a dropped packet, explained');
    return;
  }
  const { packet, device, hook, chain, rule, place, reason } = drop;
  const label = (text: string) => paint(text.padEnd(8), 'bold', screen.color);
  const lines = [
    `${label('packet')}${packet}`,
    `${label('way')}in by ${device}${hook === undefined ? '' : `, hook ${hook}`}${chain === undefined ? '' : `, chain ${chain}`}`,
    ...(rule === undefined ? [] : [`${label('rule')}${rule}`]),
    ...(place === undefined ? [] : [`${label('')}${place}`]),
    `${label('dropped')}${reason}`,
  ];
  screen.print(
    `\nOne of the packets that it dropped, explained:\n${lines.map((line) => `  ${line}\n`).join('')}`,
  );
}

/** How this process was started, as one types it. */
function commandName(): string {
  const script = process.argv[1] ?? 'ww';
  return basename(script) === 'ww' ? 'ww' : `node ${relative(process.cwd(), script)}`;
}

/** How to look at the rules and change them. */
function ruleHints({ router: { rulesFile, controlled } }: Lab): string[] {
  if (!controlled) return [];
  const ww = commandName();
  return [
    `${ww} nft list ruleset`,
    ...(rulesFile === null ? [] : [`${ww} nft -f ${rulesFile}`]),
    `${ww} nft explain`,
  ];
}

function suggest(lab: Lab, { screen, log }: UpContext): void {
  const rules = ruleHints(lab);
  if (screen === null) {
    const { rulesFile } = lab.router;
    if (rulesFile !== null) log.info({ rules: rulesFile }, 'the rules of the router');
    for (const command of [...lab.hints, ...rules]) log.info({ command }, 'try next');
    return;
  }
  const lines = [...lab.hints, ...rules].map((hint) => `  ${hint}\n`).join('');
  screen.print(`\nTry next, in another terminal:\n${lines}\nCtrl-C ends the lab and removes all of it.\n\n`);
}

function seconds(beginMs: number): number {
  return Math.round(performance.now() - beginMs) / 1000;
}
