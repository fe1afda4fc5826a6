/** What both sides of the benchmark in the guest know: the classes, the measurements, and what one sample looks like. */
import { ETHERNET_CLASSES, type EthernetClass } from '../../hil/usb/gadget.js';

export const LARGE = 1514;
export const SMALL = 64;

export interface Measurement {
  readonly name: string;
  readonly kind: EthernetClass;
  readonly what: 'tx' | 'rx' | 'tx_64' | 'rx_64' | 'rtt';
  readonly unit: 'Mbit/s' | 'kpps' | 'us';
}

const WHATS = [
  ['tx', 'Mbit/s'],
  ['rx', 'Mbit/s'],
  ['tx_64', 'kpps'],
  ['rx_64', 'kpps'],
  ['rtt', 'us'],
] as const;

export const MEASUREMENTS: readonly Measurement[] = ETHERNET_CLASSES.flatMap((kind) =>
  WHATS.map(([what, unit]) => ({ name: `${kind}_${what}`, kind, what, unit })),
);

/** A line of the guest's output. */
export interface Sample {
  readonly name: string;
  readonly side: 'ours' | 'linux';
  readonly value: number;
}
