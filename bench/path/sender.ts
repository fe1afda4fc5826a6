/**
 * The process that floods: `node build/bench_sender.js DEVICE FRAME-IN-HEX SECONDS`, in the namespace of the LAN host.
 * Says "started" when it does and, at the end, how many frames the device took.
 */
import { FrameSender } from '../../src/sys/if_packet.js';
import { Sys } from '../../src/sys/sys.js';

const BURST = 64;
const [device, hex, seconds] = process.argv.slice(2) as [string, string, string];
const sender = new FrameSender(new Sys(), device, Buffer.from(hex, 'hex'), BURST);
process.stdout.write('started\n');
const begin = performance.now();
const end = begin + Number(seconds) * 1000;
let sent = 0;
while (performance.now() < end) {
  for (let i = 0; i < 16; i++) sent += sender.send();
}
const perSecond = (sent * 1000) / (performance.now() - begin);
sender.close();
process.stdout.write(`${JSON.stringify({ sent, perSecond })}\n`);
