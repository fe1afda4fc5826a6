/** Frames of the protocols that `ww dump` knows by its own words, with right and wrong checksums. */
const hex = (...parts: readonly string[]) =>
  Uint8Array.from(Buffer.from(parts.join('').replace(/\s+/g, ''), 'hex'));
const MACS = '0200000000aa 001122334455';

/** Fills in an IPv4 header's length and checksum. */
function ip4(
  protocol: string,
  body: string,
  {
    ttl = '40',
    tos = '00',
    id = '1234',
    fragment = '4000',
    source = '0a000001',
    destination = '0a000102',
    options = '',
  } = {},
): Uint8Array {
  const bytes = hex(
    `4${(5 + options.length / 8).toString(16)}${tos}0000${id}${fragment}${ttl}${protocol}0000${source}${destination}${options}`,
    body,
  );
  const header = 20 + options.length / 2;
  bytes[2] = bytes.length >> 8;
  bytes[3] = bytes.length & 255;
  const sum = checksum(bytes.subarray(0, header));
  bytes[10] = sum >> 8;
  bytes[11] = sum & 255;
  return hex(MACS, '0800', Buffer.from(bytes).toString('hex'));
}

function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function icmp(text: string): string {
  const bytes = hex(text);
  const sum = checksum(bytes);
  bytes[2] = sum >> 8;
  bytes[3] = sum & 255;
  return Buffer.from(bytes).toString('hex');
}

function ip6(
  next: string,
  body: string,
  {
    hops = '40',
    flow = '60000000',
    source = 'fe800000000000000000000000000001',
    destination = 'fe800000000000000000000000000002',
  } = {},
): Uint8Array {
  const length = hex(body).length.toString(16).padStart(4, '0');
  return hex('3333000000010200000000bb86dd', `${flow}${length}${next}${hops}${source}${destination}`, body);
}

const INNER = '4500003c12340000 4011 0000 0a000102 0a000001 03e8 1388 0028 0000';
const ARP = '0001080006040001 0200000000bb 0a000001 000000000000 0a000002';

export function printedFrames(): Uint8Array[] {
  return [
    hex('ffffffffffff 0200000000bb 0806', ARP),
    hex('ffffffffffff 0200000000bb 0806', ARP, '00'.repeat(18)),
    hex(MACS, '0806 0001080006040002 0200000000bb 0a000001 0200000000aa 0a000002'),
    hex(MACS, '0806 0001080006040001 0200000000bb 0a000001 0200000000aa 0a000002'),
    ip4('01', icmp('0800 0000 0007 0001 6162636465666768')),
    ip4('01', icmp('0000 0000 0007 0001 6162636465666768')),
    ip4('01', '0800 1234 0007 0001 6162636465666768'),
    ...['0300', '0301', '0302', '0303', '0309', '030a', '030d', '0b00', '0b01', '0c00', '0400'].map((head) =>
      ip4('01', icmp(`${head} 0000 00000000 ${INNER}`)),
    ),
    ip4('01', icmp(`0304 0000 00000578 ${INNER}`)),
    ip4('01', icmp(`0501 0000 0a000003 ${INNER}`)),
    ip4('01', icmp(`0500 0000 0a000003 ${INNER}`)),
    ip4('11', '03e8 1388 000c 0000 61626364'),
    ip4('11', '03e8 1388 000c 1111 61626364', { tos: 'b8', ttl: '01' }),
    ip4('11', '03e8 1388 07d8 0000 61626364', { fragment: '2000' }),
    ip4('11', '6162636465666768', { fragment: '00b9' }),
    ip4('11', '03e8 1388 000c 0000 61626364', { fragment: '0000', options: '01010101' }),
    ip4('06', '1f40 1388 00000064 00000000 a002 ffff 0000 0000 020405b4 0402080a 00000001 00000000 01030307'),
    ip4(
      '06',
      '1388 1f40 000003e8 00000065 a012 ffff 0000 0000 020405b4 0402080a 00000002 00000001 01030307',
      { source: '0a000102', destination: '0a000001' },
    ),
    ip4('06', '1f40 1388 00000065 000003e9 5010 ffff 0000 0000'),
    ip4('06', '1f40 1388 00000065 000003e9 5018 ffff 0000 0000 61626364'),
    ip4('06', '1388 1f40 000003e9 00000069 5011 ffff 0000 0000', {
      source: '0a000102',
      destination: '0a000001',
    }),
    ip4('06', '1f40 1388 00000069 000003ea 5014 0000 0000 0000'),
    ip4('06', '1f40 1388 00000069 000003ea 50c2 0000 0000 0000'),
    ip4('02', '16 00 09fd e0000105', { destination: 'e0000105', ttl: '01' }),
    ip4('02', '11 64 ee9b 00000000', { destination: 'e0000001', ttl: '01' }),
    ip4('02', '17 00 08fd e0000105', { destination: 'e0000002', ttl: '01' }),
    ip6('3a', '8700 0000 00000000 fe800000000000000000000000000002 0101 0200000000bb', { hops: 'ff' }),
    ip6('3a', '8800 0000 60000000 fe800000000000000000000000000001 0201 0200000000bb', { hops: 'ff' }),
    ip6('3a', '8000 0000 0007 0001 61626364'),
    ip6('3a', '8100 0000 0007 0001 61626364', { flow: '60012345' }),
    ip6('11', '03e8 1388 000c 0000 61626364'),
    ip6('06', '1f41 1388 00000064 00000000 5002 ffff 0000 0000'),
    ip6('2c', '1100 0001 00000007 03e8 1388 07d8 0000 61626364'),
    ip6('2c', '1100 0009 00000007 6162636465666768'),
    hex('ffffffffffff 0200000000bb 8100 2005 0806', ARP),
    hex(
      MACS,
      '8100 0064',
      Buffer.from(ip4('11', '03e8 1388 000c 0000 61626364').subarray(12)).toString('hex'),
    ),
    hex(
      MACS,
      '88a8 0064 8100 0005',
      Buffer.from(ip4('11', '03e8 1388 000c 0000 61626364').subarray(12)).toString('hex'),
    ),
    hex(
      '0180c2000000 0200000000bb 0026 424203 0000 00 00 00 8000020000000001 00000000 8000020000000001 8001 0000 1400 0200 0f00 0000000000000000',
    ),
  ];
}
