/** rss_mb of the lab while it runs, and the size of the core's module. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { builtFile } from '../built.js';

const LAB_SECONDS = 4;
const SAMPLE_MS = 100;
/** The first readings are of a process that has not started its router yet. */
const START_MS = 1500;

/** Resident memory in MB (10^6 bytes) of `ww up`, several times while it runs. Throws when it ends with an error. */
export async function labRssMb(): Promise<number[]> {
  const args = ['up', '--duration', String(LAB_SECONDS), '--json', '--log-level', 'error'];
  const child = spawn(process.execPath, [builtFile('../dist/cli.js'), ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const samples: number[] = [];
  const begin = performance.now();
  const timer = setInterval(() => {
    const rss = rssBytes(child.pid!);
    if (rss !== null && performance.now() - begin > START_MS) samples.push(rss / 1e6);
  }, SAMPLE_MS);
  const onExit = () => child.kill();
  process.once('exit', onExit);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0 || samples.length === 0)
      throw new Error(`the lab ended with ${code}: ${complaint.trim().split('\n').at(-1)}`);
    return samples;
  } finally {
    clearInterval(timer);
    process.removeListener('exit', onExit);
  }
}

/** VmRSS of a process; null when it is gone. */
function rssBytes(pid: number): number | null {
  try {
    const kb = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return kb === undefined ? null : Number(kb) * 1024;
  } catch {
    return null;
  }
}

/** KB of 1,024 bytes. */
export function wasmKb(): number {
  return statSync(builtFile('core.wasm')).size / 1024;
}
