/**
 * `npm run bench -- usb`: our drivers of USB Ethernet adapters beside Linux's own, at the same gadget in the same guest,
 * in turns. The guest is emulated, so the figures are small; what says something is the ratio.
 */
import { createInterface } from 'node:readline';
import { Guest } from '../../hil/guest/guest.js';
import { findPrepared } from '../../hil/guest/places.js';
import { builtFile } from '../built.js';
import { Calibration } from '../calib.js';
import { result, type Suite, type SuiteRun } from '../suite.js';
import { type Measurement, MEASUREMENTS, type Sample } from './plan.js';

const ROUNDS = 3;

function includes({ what }: Measurement): string {
  if (what === 'rtt') return "median of pings from the gadget's side, 20 ms apart; lower is better";
  const bytes = what.endsWith('_64') ? '64' : '1514';
  return what.startsWith('tx')
    ? `${bytes}-byte frames of our core's generator, of Linux by sendmmsg, as the gadget's interface receives them`
    : `${bytes}-byte frames flooded from the gadget's interface by sendmmsg, as the adapter's link receives them`;
}

async function run(suite: SuiteRun): Promise<void> {
  const calibration = await Calibration.create();
  const wanted = MEASUREMENTS.filter(({ name }) => suite.names.has(name));
  const samples: Sample[] = [];
  if (wanted.length > 0) {
    suite.progress('the guest boots');
    const guest = await Guest.boot({ usb: true });
    try {
      const names = wanted.map(({ name }) => name);
      const program = guest.start([process.execPath, builtFile('bench_usb.js'), String(ROUNDS), ...names], {
        limitMs: 0,
      });
      let errors = '';
      program.stderr.setEncoding('utf8').on('data', (text: string) => {
        errors += text;
      });
      for await (const line of createInterface(program.stdout)) {
        const sample = JSON.parse(line) as Sample;
        samples.push(sample);
        calibration.sample();
        suite.progress(`${sample.name} ${sample.side}: ${sample.value.toPrecision(3)}`);
      }
      const { code } = await program.exited;
      if (code !== 0) throw new Error(`the guest's part ended with ${code}: ${errors.trim()}`);
    } finally {
      await guest.close();
    }
  }
  for (const one of wanted) {
    const of = (side: Sample['side']) =>
      samples.filter(({ name, side: by }) => name === one.name && by === side).map(({ value }) => value);
    suite.result(result(one.name, one.unit, of('ours'), includes(one), of('linux')));
  }
  if (suite.names.has('calib_ns')) {
    calibration.sample();
    suite.result(calibration.result());
  }
}

export const usbSuite: Suite = {
  name: 'usb',
  summary: "drivers of USB Ethernet adapters in the guest, beside Linux's own (npm run setup)",
  names: [...MEASUREMENTS.map(({ name }) => name), 'calib_ns'],
  problem: () => (findPrepared() === undefined ? 'needs the guest: npm run setup prepares it' : null),
  run,
};
