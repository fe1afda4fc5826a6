/**
 * The key `core`: the board that runs the router's core, at the far end of a serial line; without it the core is in this
 * process. Ports `board:0` and up are the board's own.
 *
 *   core: serial:/dev/ttyUSB0
 *   ports: {lan0: "board:0", wan0: "board:1"}
 */
import { parseSerial } from '../drivers/serial/serial_spec.js';
import { NetError } from '../net_error.js';
import type { NamedPort } from './ports.js';
import type { Range, Value, YamlReader } from './yaml_reader.js';

const EXAMPLE = 'write serial:/dev/ttyUSB0, serial:tcp://HOST:PORT or serial:qemu:virt64';
const BOARD_PORT = /^board:(\d{1,2})$/;

/** What stands behind `serial:`. */
export function readCore(reader: YamlReader, value: Value): string | undefined {
  const given = reader.string(value, 'core', EXAMPLE);
  if (given === null) return undefined;
  try {
    if (!given.startsWith('serial:')) throw new NetError('EINVAL', `core '${given}' is no serial line`);
    parseSerial(given.slice('serial:'.length));
    return given.slice('serial:'.length);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    reader.error(value.at, error.message, EXAMPLE);
    return undefined;
  }
}

/** The number of a port of the board that `spec` names; undefined: it names another kind. */
export function boardPort(spec: string): number | undefined {
  const number = BOARD_PORT.exec(spec)?.[1];
  return number === undefined ? undefined : Number(number);
}

/** Ports of a board need a board, and what a host does to the frames of its ports no board does. */
export function checkCore(reader: YamlReader, core: Range | undefined, ports: readonly NamedPort[]): void {
  const taken = new Map<string, string>();
  for (const { link, specAt, port } of ports) {
    if (port === null) continue;
    const number = boardPort(port.spec);
    if (core === undefined) {
      if (number !== undefined)
        reader.error(
          specAt,
          `${port.spec} is a port of a board, and there is none`,
          'write core: serial:LINE as well',
        );
      continue;
    }
    if (number === undefined) {
      reader.error(
        specAt,
        `${port.spec} is a port of this machine, but the core runs on the board`,
        'write board:0, board:1 and so on, the ports of the board',
      );
      continue;
    }
    const other = taken.get(port.spec);
    if (other !== undefined)
      reader.error(
        specAt,
        `${port.spec} is the port of ${other} already`,
        'give each link a port of its own',
      );
    taken.set(port.spec, link);
    const wants = [port.faults && 'faults', port.capture && 'capture', port.trace && 'trace'].find(Boolean);
    if (wants)
      reader.error(
        specAt,
        `${wants} of ${link} needs its frames in this process; a board moves them itself`,
        `remove "${wants}", or let the core run here`,
      );
  }
}
