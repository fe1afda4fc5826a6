/**
 * One end of a TCP connection over which both sides send bytes of a seed at once and hash what they get:
 *
 *   node stream_end.mjs listen ADDRESS SEED BYTES          prints "port N"
 *   node stream_end.mjs connect ADDRESS PORT SEED BYTES
 *
 * Prints at the end {"sent", "received": SHA-256 each, "bytes": as many as came, "ms"}.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

const BLOCK_BYTES = 16384;

function* blocks(seed, bytes) {
  let x = seed | 1;
  for (let left = bytes; left > 0; left -= BLOCK_BYTES) {
    const block = new Uint32Array(BLOCK_BYTES / 4);
    for (let i = 0; i < block.length; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      block[i] = x;
    }
    yield new Uint8Array(block.buffer).subarray(0, Math.min(left, BLOCK_BYTES));
  }
}

async function exchange(socket, seed, bytes) {
  const begin = performance.now();
  const received = createHash('sha256');
  let count = 0;
  socket.on('data', (data) => {
    received.update(data);
    count += data.length;
  });
  const ended = once(socket, 'end');
  const sent = createHash('sha256');
  for (const block of blocks(seed, bytes)) {
    sent.update(block);
    if (!socket.write(block)) await once(socket, 'drain');
  }
  socket.end();
  await ended;
  const ms = Math.round(performance.now() - begin);
  const result = { sent: sent.digest('hex'), received: received.digest('hex'), bytes: count, ms };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

const [how, address, ...rest] = process.argv.slice(2);
const numbers = rest.map(Number);
if (how === 'listen') {
  const server = createServer({ allowHalfOpen: true }).listen(0, address);
  await once(server, 'listening');
  process.stdout.write(`port ${server.address().port}\n`);
  const [socket] = await once(server, 'connection');
  server.close();
  await exchange(socket, ...numbers);
} else {
  const [port, ...flow] = numbers;
  const socket = connect({ host: address, port, allowHalfOpen: true });
  await once(socket, 'connect');
  await exchange(socket, ...flow);
}
