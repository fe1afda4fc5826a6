/** What `ww usb` does: lists adapters, tells all of one, tests one. */
import type { UsbHost } from '../drivers/usb/transport.js';
import { candidates } from '../drivers/usb/select.js';
import { openLibusb } from '../drivers/usb/libusb.js';
import { probe } from '../drivers/usb/families.js';
import { StandInPort } from '../drivers/stand_in_port.js';
import { openPort } from '../drivers/open.js';
import { UsbPort } from '../drivers/usb/usb_port.js';
import { parseUsb, type UsbSpec } from '../drivers/usb/usb_spec.js';
import { NetError } from '../net_error.js';
import { EXIT_DONE, EXIT_FAILED, EXIT_WRONG_USE } from './command_line.js';
import { frameTest } from './usb_frames.js';
import { describeDevice, describeUsb, frameTestText, infoText, listText } from './usb_view.js';

export interface UsbOptions {
  readonly json?: boolean;
  readonly all?: boolean;
  readonly open?: boolean;
  readonly peer?: string;
  readonly count?: number;
}

export interface UsbOutput {
  out(text: string): void;
  err(text: string): void;
}

const PROCESS_OUTPUT: UsbOutput = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
};

const LINK_MS = 3000;
/** The device may tell of its link and its speed a moment after it came up. */
const TELL_MS = 500;
const LOOK_MS = 20;

export async function runUsb(
  name: 'list' | 'info' | 'test',
  options: UsbOptions,
  device = '',
  output: UsbOutput = PROCESS_OUTPUT,
  host: () => Promise<UsbHost> = openLibusb,
): Promise<number> {
  try {
    if (name === 'list') return await list(await host(), options, output);
    const spec = parseUsb(device.replace(/^usb:/, ''));
    if (name === 'info') return await info(await host(), spec, options, output);
    return await test(await host(), `usb:${device.replace(/^usb:/, '')}`, spec, options, output);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    if (options.json === true)
      output.out(`${JSON.stringify({ error: { code: error.code, message: error.message } })}\n`);
    output.err(`ww usb: ${error.message}\n`);
    return error.code === 'EINVAL' ? EXIT_WRONG_USE : EXIT_FAILED;
  }
}

async function list(host: UsbHost, { json, all }: UsbOptions, output: UsbOutput): Promise<number> {
  const probes = host.devices().map((device) => probe(device));
  // A broken device may be an adapter: it is shown with what is broken.
  const shown = probes.filter(
    ({ matches, faults }) => all === true || matches.length > 0 || faults.length > 0,
  );
  const devices = await Promise.all(shown.map(describeDevice));
  if (json === true) output.out(`${JSON.stringify(devices)}\n`);
  else output.out(listText(devices, probes.length));
  return EXIT_DONE;
}

/** The device is taken for a moment, unless the system works with it. */
async function info(
  host: UsbHost,
  spec: UsbSpec,
  { json, open }: UsbOptions,
  output: UsbOutput,
): Promise<number> {
  const [first] = await candidates(host, spec);
  const { device } = first!;
  const probed = probe(device);
  const known = describeUsb(probed, await describeDevice(probed));
  const inUse = known.owners.find((owner) => owner.inUse === true);
  let live: object | undefined;
  let closed = '';
  if (open === false) closed = 'not asked, --no-open';
  else if (inUse !== undefined)
    closed = `not asked: ${inUse.driver} of the system works with it as ${inUse.netdev}`;
  else live = await ask(host, device.path, { ...spec, choice: { kind: 'word', word: device.path } });
  const all = { ...known, ...(live === undefined ? { live: null, why: closed } : { live }) };
  output.out(json === true ? `${JSON.stringify(all)}\n` : infoText(all));
  return EXIT_DONE;
}

async function ask(host: UsbHost, path: string, spec: UsbSpec): Promise<object> {
  const { port, link } = await opened(host, path, spec);
  try {
    await new Promise((resolve) => setTimeout(resolve, TELL_MS));
    for (const end = performance.now() + LINK_MS; !link() && performance.now() < end; )
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const { path: _path, ...live } = port.info!;
    const statistics = await port.deviceStatistics().catch(() => ({}));
    return { ...live, mtu: port.mtu, link: link(), statistics };
  } finally {
    await port.close();
  }
}

/** Brought up, with nobody behind it; throws what is wrong. `link`: whether there is a carrier. */
async function opened(
  host: UsbHost,
  path: string,
  spec: UsbSpec,
): Promise<{ port: UsbPort; link: () => boolean }> {
  const port = new UsbPort(`usb:${path}`, spec, { host: () => Promise.resolve(host) });
  let up = false;
  let why: NetError | undefined;
  port.attach(new StandInPort().rings, {
    readable() {},
    writable() {},
    state: (now, reason) => {
      up = now;
      why = reason;
    },
  });
  await port.prepare();
  if (port.info === undefined) {
    await port.close();
    throw why ?? new NetError('EIO', 'the device did not come up');
  }
  return { port, link: () => up };
}

async function test(
  host: UsbHost,
  name: string,
  spec: UsbSpec,
  options: UsbOptions,
  output: UsbOutput,
): Promise<number> {
  const { json, peer, count = 100 } = options;
  const port = new UsbPort(name, spec, { host: () => Promise.resolve(host) });
  const other = peer === undefined ? undefined : openPort(peer, { offloads: false });
  try {
    const result = await frameTest(port, other, count, LINK_MS);
    const all = { device: port.info ?? null, peer: peer ?? 'loopback', ...result };
    output.out(json === true ? `${JSON.stringify(all)}\n` : frameTestText(all));
    return result.ok ? EXIT_DONE : EXIT_FAILED;
  } finally {
    await port.close();
    await other?.close();
  }
}
