/**
 * Trains: packets of one flow right behind each other, which GRO may merge on the way in and GSO has to take apart
 * again on the way out, so that each leaves as it came.
 */
import { ACK, FIN, ip4, ip6, pattern, PSH, SYN, tcp, u8, udp } from '../packet.js';
import { lan, type OracleCase, type Setup, type Step } from '../router.js';

const MSS = 1000;
const TIMESTAMPS = (value: number): Uint8Array => u8(1, 1, 8, 10, 0, 0, 0, value, 0, 0, 0, 9);

interface Car {
  bytes?: number;
  flags?: number;
  ack?: number;
  window?: number;
  stamp?: number;
  sum?: 'bad';
  /** Of the IP header. */
  id?: number;
  ttl?: number;
  tos?: number;
  df?: boolean;
  /** Bytes left out before this one. */
  gap?: number;
}

function segments(cars: readonly Car[]): { car: Car; part: ReturnType<typeof tcp> }[] {
  let seq = 1_000_000;
  return cars.map((car, i) => {
    seq += car.gap ?? 0;
    const bytes = car.bytes ?? MSS;
    const part = tcp(
      {
        seq,
        ack: car.ack ?? 77,
        flags: car.flags ?? ACK,
        window: car.window ?? 500,
        ...(car.stamp === undefined ? {} : { options: TIMESTAMPS(car.stamp) }),
        ...(car.sum === undefined ? {} : { sum: car.sum }),
      },
      pattern(bytes, i),
    );
    seq += bytes;
    return { car, part };
  });
}

function train4(cars: readonly Car[]): Step[] {
  return segments(cars).map(({ car, part }, i) =>
    lan(ip4({ id: car.id ?? 100 + i, ttl: car.ttl ?? 64, tos: car.tos ?? 0, df: car.df ?? true }, part)),
  );
}

function train6(cars: readonly Car[]): Step[] {
  return segments(cars).map(({ car, part }) =>
    lan(ip6({ hops: car.ttl ?? 64, tclass: car.tos ?? 0, flow: 0x12345 }, part)),
  );
}

const plain = (n: number, car: Car = {}): Car[] => Array.from({ length: n }, () => car);

/** The same cars over both families. */
function both(name: string, cars: readonly Car[], setup: Setup = {}): OracleCase[] {
  const out = { wan0: cars.length };
  return [
    { name: `Trains: IPv4, ${name}`, setup, steps: train4(cars), out },
    { name: `Trains: IPv6, ${name}`, setup, steps: train6(cars), out },
  ];
}

const oneFlow: readonly OracleCase[] = [
  ...both('equal segments', plain(8)),
  ...both('a shorter last segment with PSH', [...plain(5), { bytes: 333, flags: ACK | PSH }]),
  ...both('a shorter segment in the middle', [...plain(3), { bytes: 10 }, ...plain(3)]),
  ...both('a longer segment in the middle', [...plain(3, { bytes: 500 }), {}, ...plain(3, { bytes: 500 })]),
  ...both('segments of odd length', plain(7, { bytes: 333 })),
  ...both('segments of one byte', plain(9, { bytes: 1 })),
  ...both('pure acknowledgements', [{ bytes: 0 }, { bytes: 0, ack: 99 }, { bytes: 0, ack: 120 }]),
  ...both('a gap', [...plain(3), { gap: MSS }, ...plain(2)]),
  ...both('a retransmission', [...plain(3), { gap: -MSS }, ...plain(2)]),
  ...both('another acknowledgement on the way', [...plain(3), ...plain(3, { ack: 78 })]),
  ...both('another window on the way', [...plain(3), ...plain(3, { window: 600 })]),
  ...both('timestamps that go on', [...plain(3, { stamp: 1 }), ...plain(3, { stamp: 2 })]),
  ...both('another TTL on the way', [...plain(3), ...plain(3, { ttl: 60 })]),
  ...both('another TOS on the way', [...plain(3), ...plain(3, { tos: 0x10 })]),
  ...both('congestion marked on the way', [
    ...plain(3, { tos: 2 }),
    ...plain(2, { tos: 3 }),
    ...plain(2, { tos: 2 }),
  ]),
  ...both('a bad checksum on the way', [...plain(2), { sum: 'bad' }, ...plain(2)]),
  ...both('SYN, data, FIN', [{ bytes: 0, flags: SYN }, { gap: 1 }, {}, { flags: FIN | ACK }]),
  ...both('CWR and ECE', [{}, { flags: ACK | 0x80 }, {}, { flags: ACK | 0x40 }, {}]),
  ...both('urgent data', [{}, { flags: ACK | 0x20 }, {}]),
  ...both('data that acknowledges nothing', plain(4, { flags: PSH })),
  {
    name: 'Trains: IPv4, identifications that go on without DF',
    steps: train4(plain(5, { df: false })),
    out: { wan0: 5 },
  },
  {
    name: 'Trains: IPv4, one identification without DF',
    steps: train4(plain(5, { df: false, id: 7 })),
    out: { wan0: 5 },
  },
  { name: 'Trains: IPv4, one identification with DF', steps: train4(plain(5, { id: 0 })), out: { wan0: 5 } },
  {
    name: 'Trains: IPv4, identifications in disorder',
    steps: train4(
      [{ id: 9 }, { id: 3 }, { id: 4 }, { id: 5 }, { id: 5 }, { id: 8 }, { id: 9 }].map((car) => ({
        ...car,
        df: false,
      })),
    ),
    out: { wan0: 7 },
  },
  {
    name: 'Trains: IPv4, identifications that wrap',
    steps: train4([0xfffe, 0xffff, 0, 1].map((id) => ({ id, df: false }))),
    out: { wan0: 4 },
  },
  {
    name: 'Trains: IPv4, DF on some',
    steps: train4([{}, {}, { df: false }, { df: false }, {}]),
    out: { wan0: 5 },
  },
  {
    name: 'Trains: IPv4, options in the header',
    steps: segments(plain(4)).map(({ part }, i) =>
      lan(ip4({ id: i, df: true, options: u8(1, 1, 1, 0) }, part)),
    ),
    out: { wan0: 4 },
  },
  {
    name: 'Trains: IPv4, UDP of equal length',
    steps: Array.from({ length: 6 }, (_, i) => lan(ip4({ id: 50 + i, df: true }, udp({}, pattern(900, i))))),
    out: { wan0: 6 },
  },
  {
    name: 'Trains: IPv4, UDP of all lengths',
    steps: [900, 900, 300, 900, 0, 1, 900].map((n, i) => lan(ip4({ id: 50 + i }, udp({}, pattern(n, i))))),
    out: { wan0: 7 },
  },
  {
    name: 'Trains: IPv4, UDP without checksums',
    steps: Array.from({ length: 4 }, (_, i) => lan(ip4({ id: 50 + i }, udp({ sum: 0 }, pattern(900, i))))),
    out: { wan0: 4 },
  },
  {
    name: 'Trains: IPv6, UDP of equal length',
    steps: Array.from({ length: 6 }, (_, i) => lan(ip6({}, udp({}, pattern(900, i))))),
    out: { wan0: 6 },
  },
];

export const trains: readonly OracleCase[] = [
  ...oneFlow.map((one) => ({ ...one, train: true as const })),
  {
    name: 'Trains: IPv4, two flows in turns',
    steps: Array.from({ length: 8 }, (_, i) =>
      lan(
        ip4(
          { id: i, df: true },
          tcp({ sport: 40000 + (i & 1), seq: 5000 + (i >> 1) * 700, flags: ACK, ack: 1 }, pattern(700, i)),
        ),
      ),
    ),
    out: { wan0: 8 },
  },
];
