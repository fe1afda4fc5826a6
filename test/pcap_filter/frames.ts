/** Frames of every protocol that a filter can ask for, whole, cut short, and with bytes changed by chance. */
import { Random } from '../random.js';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s+/g, ''), 'hex'));
const h16 = (n: number) => n.toString(16).padStart(4, '0');
const h8 = (n: number) => n.toString(16).padStart(2, '0');
const ip4hex = (text: string) =>
  text
    .split('.')
    .map((part) => h8(Number(part)))
    .join('');

const MACS = ['001122334455', '0200000000aa', 'ffffffffffff', '01005e000001', '333300000001'];
const V4 = ['1.2.3.4', '5.6.7.8', '10.0.0.1', '10.1.2.3', '192.168.1.1', '224.0.0.1', '255.255.255.255'];
const V6 = [
  '20010db8000000000000000000000001',
  'fe800000000000000000000000000002',
  'ff020000000000000000000000000001',
  '00000000000000000000000000000001',
];
const PORTS = [80, 443, 53, 22, 5000, 5005, 179, 10];

function transport(protocol: number, random: Random): string {
  const ports = h16(random.pick(PORTS)) + h16(random.pick(PORTS));
  switch (protocol) {
    case 6:
      return `${ports}0000000100000002 50${h8(random.pick([1, 2, 0x12, 4, 0x10, 0x18, 0x29, 0xc2]))}2000 00000000${'61'.repeat(random.below(20))}`;
    case 17:
      return `${ports}${h16(8 + 12)}0000 ${'12345678'.repeat(3)}`;
    case 1:
      return `${h8(random.pick([0, 3, 5, 8, 11, 12]))}${h8(random.below(4))}0000 00010002 ${'00'.repeat(random.below(40))}`;
    case 58:
      return `${h8(random.pick([1, 2, 128, 129, 133, 134, 135, 136, 143]))}000000 00000000${'00'.repeat(24)}`;
    default:
      return `${ports}${'0011223344556677'.repeat(3)}`;
  }
}

function ipv4(protocol: number, random: Random): string {
  const options = random.below(4) === 0 ? '01010101' : '';
  const fragment =
    random.below(5) === 0 ? random.pick(['2000', '2001', '00b9']) : random.pick(['0000', '4000']);
  const body =
    protocol === 51
      ? `1104000000000001000000020011223344556677${transport(17, random)}`
      : transport(protocol, random);
  const length = 20 + options.length / 2 + body.replace(/\s+/g, '').length / 2;
  return `4${5 + options.length / 8}${h8(random.pick([0, 0x10, 0xb8]))}${h16(length)}${h16(random.below(65536))}${fragment}${h8(random.pick([1, 64, 255]))}${h8(protocol)}0000${ip4hex(random.pick(V4))}${ip4hex(random.pick(V4))}${options}${body}`;
}

function ipv6(protocol: number, random: Random): string {
  const chain = random.below(6);
  let next = protocol;
  let body = transport(protocol, random);
  if (chain === 0)
    [next, body] = [44, `${h8(protocol)}00${random.pick(['0001', '0008', '0000'])}00000001${body}`];
  if (chain === 1) [next, body] = [0, `${h8(protocol)}00010400000000${body}`];
  if (chain === 2)
    [next, body] = [43, `3c00000000000000${h8(protocol)}01010400000000 0000000000000000${body}`];
  const length = body.replace(/\s+/g, '').length / 2;
  return `60000000${h16(length)}${h8(next)}${h8(random.pick([1, 64, 255]))}${random.pick(V6)}${random.pick(V6)}${body}`;
}

function payload(random: Random): [type: number, body: string] {
  const protocol = random.pick([6, 6, 17, 17, 1, 2, 132, 51, 50, 103, 112, 47, 89, 9]);
  switch (random.below(14)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      return [0x0800, ipv4(protocol, random)];
    case 5:
    case 6:
    case 7:
      return [0x86dd, ipv6(random.pick([6, 17, 58, 58, 132, 50, 103]), random)];
    case 8:
    case 9:
      return [
        random.pick([0x0806, 0x0806, 0x8035]),
        `0001080006040001${random.pick(MACS)}${ip4hex(random.pick(V4))}000000000000${ip4hex(random.pick(V4))}`,
      ];
    case 10:
      return [
        random.pick([0x88cc, 0x9000, 0x809b, 0x80f3, 0x8137, 0x6003, 0x6004, 0x6002, 0x6001, 0x6007, 0x8863]),
        '00'.repeat(46),
      ];
    case 11:
      return [
        38,
        random.pick([
          '424203',
          'f0f003',
          'fefe0381',
          'fefe0383',
          'fefe0382',
          'e0e003',
          'ffff0022',
          'aaaa030000008137',
          'aaaa0300000080f3',
          'aaaa03080007809b',
          '060603',
          'aaaa030000000800',
        ]) + '00'.repeat(40),
      ];
    case 12: {
      const six = random.below(3) === 0;
      return [
        0x8864,
        `11000005${h16(42)}${six ? '0057' : '0021'}${six ? ipv6(6, random) : ipv4(random.pick([6, 17]), random)}`,
      ];
    }
    default: {
      const labels = 1 + random.below(2);
      let stack = '';
      for (let i = 1; i <= labels; i++)
        stack += ((random.pick([5, 100, 1024]) << 12) | (i === labels ? 0x100 : 0) | 64)
          .toString(16)
          .padStart(8, '0');
      return [
        0x8847,
        stack + (random.below(3) === 0 ? ipv6(17, random) : ipv4(random.pick([6, 17, 1]), random)),
      ];
    }
  }
}

function frame(random: Random): Uint8Array {
  let [type, body] = payload(random);
  const tags = random.pick([0, 0, 0, 1, 1, 2]);
  for (let i = 0; i < tags; i++) {
    body = h16(random.pick([1, 2, 5, 100, 4095]) | random.pick([0, 0x2000, 0xa000])) + h16(type) + body;
    type = random.pick([0x8100, 0x8100, 0x88a8, 0x9100]);
  }
  return hex(random.pick(MACS) + random.pick(MACS) + h16(type) + body);
}

/** `broken`: some are cut short or have a bit changed. */
export function filterFrames({ count = 3000, broken = true } = {}): Uint8Array[] {
  const random = new Random(99);
  const frames: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const made = frame(random);
    frames.push(made);
    if (!broken) continue;
    if (i % 4 === 0) frames.push(made.slice(0, random.below(made.length)));
    if (i % 4 === 1) {
      const changed = made.slice();
      changed[random.below(changed.length)]! ^= 1 << random.below(8);
      frames.push(changed);
    }
  }
  return frames;
}
