/**
 * What router advertisements have for the host: name servers and search lists (RFC 8106), NAT64 prefixes (RFC 8781),
 * captive portals (RFC 8910). The core has checked that the option fits the message; what is in it is read here.
 */
import { EventType } from '../../assembly/abi/event.js';
import { formatIp } from '../config/ip_address.js';
import type { CoreEvent } from '../core/core.js';

const ND_OPT_RDNSS = 25;
const ND_OPT_DNSSL = 31;
const ND_OPT_CAPTIVE_PORTAL = 37;
const ND_OPT_PREF64 = 38;
/** RFC 1035 2.3.4 */
const LABEL_MAX = 63;
const NAME_MAX = 253;
/** RFC 8781 4: Prefix Length Code. */
const PREF64_LENGTHS = [96, 64, 56, 48, 40, 32];

export type RouterOption =
  /** `lifetime`: seconds; 0: use it no longer; null: for ever. */
  | { kind: 'rdnss'; lifetime: number | null; servers: string[] }
  | { kind: 'dnssl'; lifetime: number | null; domains: string[] }
  | { kind: 'pref64'; lifetime: number; prefix: string }
  | { kind: 'captive-portal'; uri: string };

export interface RouterOptionEvent {
  net: number;
  ifindex: number;
  /** The router that advertised it. */
  router: string;
  option: RouterOption;
}

const FOREVER = 0xffffffff;

/** An option from its type on; null when what is in it is wrong. */
export function parseRouterOption(bytes: Uint8Array): RouterOption | null {
  if (bytes.length < 8 || bytes.length !== bytes[1]! * 8) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const seconds = view.getUint32(4);
  const lifetime = seconds === FOREVER ? null : seconds;
  switch (bytes[0]) {
    case ND_OPT_RDNSS: {
      if (bytes.length < 24 || bytes.length % 16 !== 8) return null;
      const servers: string[] = [];
      for (let at = 8; at < bytes.length; at += 16) servers.push(formatIp(bytes.slice(at, at + 16)));
      return { kind: 'rdnss', lifetime, servers };
    }
    case ND_OPT_DNSSL: {
      const domains = parseDomains(bytes.subarray(8));
      return domains === null ? null : { kind: 'dnssl', lifetime, domains };
    }
    case ND_OPT_PREF64: {
      const length = PREF64_LENGTHS[view.getUint16(2) & 7];
      if (bytes.length !== 16 || length === undefined) return null;
      const prefix = new Uint8Array(16);
      prefix.set(bytes.subarray(4, 16));
      return {
        kind: 'pref64',
        lifetime: view.getUint16(2) & 0xfff8,
        prefix: `${formatIp(prefix)}/${length}`,
      };
    }
    case ND_OPT_CAPTIVE_PORTAL: {
      const end = bytes.indexOf(0, 2);
      const text = bytes.subarray(2, end < 0 ? bytes.length : end);
      if (text.length === 0 || text.some((byte) => byte <= 32 || byte > 126)) return null;
      return { kind: 'captive-portal', uri: new TextDecoder().decode(text) };
    }
    default:
      return null;
  }
}

/** RFC 8106 5.2: names as sequences of labels, each ended by a zero byte, padded with zeros. No compression. */
function parseDomains(bytes: Uint8Array): string[] | null {
  const domains: string[] = [];
  let labels: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes[at]!;
    at++;
    if (length === 0) {
      if (labels.length > 0) domains.push(labels.join('.'));
      labels = [];
      continue;
    }
    if (length > LABEL_MAX || length > bytes.length - at) return null;
    const label = bytes.subarray(at, at + length);
    // What a name server list ends up in (a file, a command line) must not be written by who is on the link.
    if (!label.every(isHostByte)) return null;
    labels.push(new TextDecoder().decode(label));
    if (labels.join('.').length > NAME_MAX) return null;
    at += length;
  }
  return labels.length > 0 || domains.length === 0 ? null : domains;
}

function isHostByte(byte: number): boolean {
  const lower = byte | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x5f;
}

/** Puts the records of the event ring together again, one option behind the other. */
export class RouterOptionReader {
  private router = '';
  private bytes = new Uint8Array(0);
  private have = 0;

  /** An option that this event completes. */
  push(event: CoreEvent): RouterOptionEvent | null {
    if (event.type !== EventType.ND_USEROPT) return null;
    if (event.b === 0) {
      this.router = formatIp(event.address);
      this.bytes = new Uint8Array(event.family);
      this.have = 0;
      return null;
    }
    // Behind records that were lost there is nothing to put together.
    if (event.b !== this.have / 16 + 1 || event.family !== this.bytes.length) return null;
    this.bytes.set(event.address.subarray(0, Math.min(16, this.bytes.length - this.have)), this.have);
    this.have += 16;
    if (this.have < this.bytes.length) return null;
    const option = parseRouterOption(this.bytes);
    if (option === null) return null;
    return { net: event.net, ifindex: event.ifindex, router: this.router, option };
  }
}
