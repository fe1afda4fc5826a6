/**
 * Lines to boards as users write them, behind `serial:`
 *
 *   /dev/ttyUSB0, /dev/ttyUSB0@921600       a tty, its rate (default 115200)
 *   tcp://HOST:PORT                         ser2net, or a serial port of QEMU
 *   qemu:BOARD, qemu:BOARD@NET[+NET]        a virtual board that is started, and ends with us; its Ethernet ports are
 *                                           tap:NAME, udp:LOCAL-REMOTE or user (QEMU's own network, the default)
 */
import { NetError } from '../../net_error.js';

export type BoardNet =
  | { readonly kind: 'user' }
  | { readonly kind: 'tap'; readonly ifName: string }
  | { readonly kind: 'udp'; readonly local: string; readonly remote: string };

export type SerialSpec =
  | { readonly kind: 'tty'; readonly path: string; readonly baud: number }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'qemu'; readonly board: string; readonly nets: readonly BoardNet[] };

export const VIRTUAL_BOARDS: readonly string[] = ['virt64', 'virt32', 'sifive_u'];
const BAUD = 115200;
const BAUD_MAX = 12_000_000;
const RIGHT = "'serial:/dev/ttyUSB0', 'serial:tcp://192.0.2.1:4001' or 'serial:qemu:virt64' would be right";

/** Only looks at the words (`rest` is what follows `serial:`). Throws a NetError EINVAL that says what would be right. */
export function parseSerial(rest: string): SerialSpec {
  if (rest.startsWith('/')) return parseTty(rest);
  if (rest.startsWith('tcp://')) return parseTcp(rest);
  if (rest.startsWith('qemu:')) return parseQemu(rest);
  throw wrong(rest, `neither a tty, tcp:// nor qemu:; ${RIGHT}`);
}

function parseTty(rest: string): SerialSpec {
  const at = rest.lastIndexOf('@');
  if (at < 0) return { kind: 'tty', path: rest, baud: BAUD };
  const baud = Number(rest.slice(at + 1));
  if (!Number.isInteger(baud) || baud < 1 || baud > BAUD_MAX) {
    throw wrong(rest, `'${rest.slice(at + 1)}' is no rate; 'serial:/dev/ttyUSB0@921600' would be right`);
  }
  return { kind: 'tty', path: rest.slice(0, at), baud };
}

function parseTcp(rest: string): SerialSpec {
  const match = /^tcp:\/\/(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(rest);
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65535) {
    throw wrong(rest, "no HOST:PORT; 'serial:tcp://192.0.2.1:4001' would be right, or '[2001:db8::1]:4001'");
  }
  return { kind: 'tcp', host: match[1] ?? match[2]!, port };
}

function parseQemu(rest: string): SerialSpec {
  const at = rest.indexOf('@');
  const board = rest.slice('qemu:'.length, at < 0 ? undefined : at);
  if (!VIRTUAL_BOARDS.includes(board)) {
    throw wrong(rest, `no virtual board '${board}'; there are ${VIRTUAL_BOARDS.join(', ')}`);
  }
  const words = at < 0 ? ['user'] : rest.slice(at + 1).split('+');
  return { kind: 'qemu', board, nets: words.map((word) => parseNet(rest, word)) };
}

function parseNet(rest: string, word: string): BoardNet {
  if (word === 'user') return { kind: 'user' };
  const tap = /^tap:([^/\s,]{1,15})$/.exec(word);
  if (tap !== null) return { kind: 'tap', ifName: tap[1]! };
  const udp = /^udp:([\d.]+:\d{1,5})-([\d.]+:\d{1,5})$/.exec(word);
  if (udp !== null) return { kind: 'udp', local: udp[1]!, remote: udp[2]! };
  throw wrong(
    rest,
    `'${word}' is no network for a virtual board; 'tap:ww0', 'udp:127.0.0.1:7001-127.0.0.1:7002' or 'user' would be right`,
  );
}

function wrong(rest: string, what: string): NetError {
  return new NetError('EINVAL', `port 'serial:${rest}': ${what}`);
}
