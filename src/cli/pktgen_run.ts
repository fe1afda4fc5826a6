/** From a plan of `ww pktgen` to its end: opens, runs or searches, shows, sums up. */
import { EXIT_DONE, EXIT_FAILED } from './command_line.js';
import type { PktgenPlan, PktgenWords } from './pktgen.js';
import { rateText } from './pktgen_options.js';
import { Rig, type RigFigures, SETTLE_MS } from './pktgen_rig.js';
import { type SearchResult, searchThroughput, type Trial } from './pktgen_search.js';
import { liveFrame, percentText, type RunSummary, summarise, summaryText } from './pktgen_view.js';
import { type LiveView, runUntilDone } from './run.js';
import { makeContext } from './up_context.js';
import { versions } from './version.js';

const LOG_MS = 1000;

export async function runPktgen(words: PktgenWords, plan: PktgenPlan): Promise<number> {
  const context = await makeContext({ logLevel: words.logLevel, ...(words.json === true && { json: true }) });
  const { screen, log } = context;
  const tell = (text: string) => (screen === null ? log.info({}, text) : screen.print(`${text}\n`));
  const rig = await Rig.open(
    {
      loop: words.loop === true,
      both: words.both === true,
      pass: words.pass === true,
      streams: plan.streams,
      ...(words.port !== undefined && { port: words.port }),
      ...(words.rx !== undefined && { rx: words.rx }),
      ...(words.address !== undefined && { address: words.address }),
      ...(words.rxAddress !== undefined && { rxAddress: words.rxAddress }),
      ...(words.gateway !== undefined && { gateway: words.gateway }),
      ...(words.rxGateway !== undefined && { rxGateway: words.rxGateway }),
      ...(plan.durationS !== undefined && { durationS: plan.durationS }),
    },
    tell,
  );
  tell(about(words, rig));
  const view = rigView(rig);
  const abort = new AbortController();
  let result: SearchResult | undefined;
  let end: RigFigures | undefined;
  let ending = false;
  const work = words.search === true ? search() : run();

  async function run(): Promise<void> {
    await rig.start();
    await rig.ended();
  }
  async function search(): Promise<void> {
    const [first] = rig.specs;
    const kind = first!.rate.kind;
    result = await searchThroughput({
      highest: first!.rate.value,
      lossLimitPercent: plan.lossLimit ?? 0,
      signal: abort.signal,
      trial: (rate) => trial(rig, rate / first!.rate.value, plan.durationS!),
      onTrial: (trial) => tell(trialText(trial, kind)),
    });
  }

  const code = await runUntilDone({
    log,
    screen,
    json: words.json === true,
    source: view,
    logMs: LOG_MS,
    // The core ends the streams; only who merely counts has to be told.
    ...(rig.specs.length === 0 && plan.durationS !== undefined && { durationS: plan.durationS }),
    done: work,
    summary: async () => {
      ending = true;
      abort.abort();
      await rig.stop();
      await new Promise((passed) => setTimeout(passed, SETTLE_MS));
      end = await rig.figures();
      const summary = summarise(end, rig.specs);
      return {
        ...summary,
        ...(result !== undefined && { search: searchSummary(result, rig) }),
        versions: await versions(),
      };
    },
    text: () => {
      if (result !== undefined) return searchText(result, rig);
      return end === undefined ? '' : summaryText(end, rig.specs);
    },
    close: async () => {
      abort.abort();
      await rig.close();
      // Its end is told by `done`; behind a Ctrl-C the core may be gone under it.
      await Promise.race([work.catch(() => {}), Promise.resolve()]);
    },
  });
  if (code !== EXIT_DONE || !ending || end === undefined) return code;
  return tooMuchLost(summarise(end, rig.specs), plan.lossLimit, words.search === true) ? EXIT_FAILED : code;
}

function tooMuchLost({ streams }: RunSummary, limit: number | undefined, searched: boolean): boolean {
  if (limit === undefined || searched) return false;
  return streams.some(({ lossPercent }) => lossPercent > limit);
}

function about(words: PktgenWords, rig: Rig): string {
  const where =
    words.loop === true
      ? 'gen ── router ── sink, in this process'
      : [words.port, words.rx].filter(Boolean).join(' to ');
  const streams = rig.specs.map(({ id, proto, rate }) => `${id}: ${proto} ${rateText(rate)}`).join(', ');
  return streams === '' ? `counting on ${where}` : `${where}; streams ${streams}`;
}

function rigView(rig: Rig): LiveView {
  let before: RigFigures | null = null;
  return {
    async frame() {
      const after = await rig.figures();
      const frame = liveFrame(before, after);
      before = after;
      return frame;
    },
  };
}

/** Every stream at the same share of its rate. */
async function trial(
  rig: Rig,
  share: number,
  durationS: number,
): Promise<{ rate: number; wanted: number; sent: number; received: number }> {
  const rates = rig.specs.map(({ rate }) => Math.max(1, Math.round(rate.value * share)));
  const { streams } = await rig.trial(rates, durationS);
  const sum = (of: (i: number) => number) => streams.reduce((all, _, i) => all + of(i), 0);
  const sent = sum((i) => streams[i]!.tx?.packets ?? 0);
  // What the generator gave up, it could not keep.
  const missed = sum((i) => streams[i]!.tx?.missed ?? 0);
  return { rate: rates[0]!, wanted: sent + missed, sent, received: sum((i) => streams[i]!.rx?.unique ?? 0) };
}

function trialText(
  { rate, sent, received, lossPercent, kept, passed }: Trial,
  kind: 'pps' | 'bps' | 'bpsl1' | 'max',
): string {
  const said = `${sent} sent, ${received} received, ${percentText(lossPercent)} lost`;
  return `${passed ? 'passed' : 'failed'}  ${rateText({ kind, value: rate }).padEnd(14)}  ${said}${kept ? '' : '; the generator could not keep this rate'}`;
}

function searchSummary(result: SearchResult, rig: Rig): object {
  const { kind } = rig.specs[0]!.rate;
  return { rate: result.rate, unit: kind, trials: result.trials };
}

function searchText({ rate, best }: SearchResult, rig: Rig): string {
  if (best === null) return 'no rate passed\n';
  const { kind } = rig.specs[0]!.rate;
  return `throughput ${rateText({ kind, value: rate })}: ${best.received} of ${best.sent} received\n`;
}
