#!/usr/bin/env node
/** The entry of the `ww` command; src/cli/command_line.ts is what it does. */
import { runCommandLine } from './command_line.js';

/** What still holds the process open so long after the end has leaked, and must not keep the user waiting. */
const LINGER_MS = 1000;

// `ww --help | head -1`: a reader that has seen enough is no failure. What runs longer ends by it (run.ts).
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

process.exitCode = await runCommandLine(process.argv.slice(2));
setTimeout(() => process.exit(), LINGER_MS).unref();
