/**
 * Vitest's worker in the guest: as its own worker for forks is, but that messages travel over file descriptor 3 (pool.ts),
 * each serialised by V8 behind its length.
 */
import { Socket } from 'node:net';
import { deserialize, serialize } from 'node:v8';
import { init, runBaseTests, setupEnvironment } from 'vitest/worker';
import { emitMessage, MessageReader, Stream } from './frames.js';

const channel = new Socket({ fd: Stream.CHANNEL, readable: true, writable: true });
const listeners = new Set<(message: unknown) => void>();
const reader = new MessageReader((message) => {
  const value: unknown = deserialize(message);
  for (const listener of [...listeners]) listener(value);
});
channel.on('data', (chunk: Buffer) => reader.push(chunk));
channel.on('end', () => process.exit(0));

init({
  post: (message) => channel.write(emitMessage(serialize(message))),
  on: (listener) => listeners.add(listener),
  off: (listener) => listeners.delete(listener),
  runTests: (state, traces) => runBaseTests('run', state, traces),
  collectTests: (state, traces) => runBaseTests('collect', state, traces),
  setup: setupEnvironment,
});
