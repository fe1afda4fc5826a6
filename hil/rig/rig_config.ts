/**
 * hil/rig.yaml: the boards of this machine, how each is reached and reset, and which suites it runs. All mistakes of the
 * file are told at once, each with its place.
 */
import { formatDiagnostic } from '../../src/config/diagnostic.js';
import { type Entry, type Value, YamlReader } from '../../src/config/yaml_reader.js';
import { parseSerial, VIRTUAL_BOARDS } from '../../src/drivers/serial/serial_spec.js';
import { NetError } from '../../src/net_error.js';
import { ifNameProblem } from '../../src/sys/if_tun.js';

export const SUITE_NAMES = ['board', 'ping', 'transfer', 'iperf', 'faults'] as const;
export type SuiteName = (typeof SUITE_NAMES)[number];

export type RigLine =
  /** A virtual board that the run starts; `tty`: behind a pseudo-terminal. */
  | { readonly kind: 'virtual'; readonly board: string; readonly tty: boolean }
  /** A line that is there: 'serial:/dev/ttyUSB0', 'serial:tcp://...'. */
  | { readonly kind: 'real'; readonly spec: string };

export interface RigBoard {
  readonly name: string;
  /** As written. */
  readonly lineText: string;
  readonly line: RigLine;
  /** The interface of this machine that the board's Ethernet is wired to. */
  readonly ethernet?: string;
  /** A command of the shell. */
  readonly reset?: string;
  readonly suites: readonly SuiteName[];
}

const EXAMPLE = 'boards:\n    virt64: { line: "qemu:virt64" }';
const NAME = /^[A-Za-z0-9][\w.-]{0,31}$/;
const LINE_RIGHT = 'write qemu:virt64, pty:virt64, /dev/ttyUSB0 or tcp://192.0.2.1:4001';

/** `text` as in rig.yaml; throws a NetError EINVAL that says what would be right. */
export function parseRigLine(text: string): RigLine {
  const [, kind, board] = /^(qemu|pty):(.*)$/.exec(text) ?? [];
  if (kind !== undefined) {
    if (!VIRTUAL_BOARDS.includes(board!))
      throw new NetError('EINVAL', `no virtual board '${board}'; there are ${VIRTUAL_BOARDS.join(', ')}`);
    return { kind: 'virtual', board: board!, tty: kind === 'pty' };
  }
  const spec = text.replace(/^serial:/, '');
  const serial = parseSerial(spec);
  if (serial.kind === 'qemu') return parseRigLine(`qemu:${serial.board}`);
  return { kind: 'real', spec: `serial:${spec}` };
}

/** A board that is named on the command line instead of in the file. */
export function boardOfLine(text: string, ethernet: string | undefined): RigBoard {
  const name = text
    .replace(/^serial:/, '')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  const line = parseRigLine(text);
  return { name, lineText: text, line, suites: SUITE_NAMES, ...(ethernet === undefined ? {} : { ethernet }) };
}

/** Throws a NetError EINVAL with every mistake of the file. */
export function parseRig(file: string, text: string): RigBoard[] {
  const reader = new YamlReader(text, file);
  const root = reader.root();
  const boards: RigBoard[] = [];
  if (root !== null) {
    let given = false;
    reader.fields(root, 'the file', EXAMPLE, {
      boards: (value) => {
        given = true;
        for (const entry of reader.entries(value, '"boards"', EXAMPLE) ?? []) {
          const board = readBoard(reader, entry);
          if (board !== null) boards.push(board);
        }
      },
    });
    if (!given && reader.errors.length === 0)
      reader.error([0, 1], 'there are no boards', `write\n  ${EXAMPLE}`);
  }
  shared(reader, boards);
  if (reader.errors.length > 0)
    throw new NetError('EINVAL', reader.errors.map(formatDiagnostic).join('\n').trimEnd());
  return boards;

  function shared(to: YamlReader, all: readonly RigBoard[]): void {
    const lines = new Map<string, string>();
    for (const { name, line } of all) {
      if (line.kind !== 'real') continue;
      const other = lines.get(line.spec);
      if (other !== undefined)
        to.error([0, 1], `the boards ${other} and ${name} have the same line`, 'remove one');
      lines.set(line.spec, name);
    }
  }
}

function readBoard(reader: YamlReader, { key: name, keyAt, value }: Entry): RigBoard | null {
  const mistakes = reader.errors.length;
  if (!NAME.test(name))
    reader.error(
      keyAt,
      `"${name}" is no name of a board`,
      'use letters, digits, ".", "_" and "-", at most 32',
    );
  let lineText: string | null = null;
  let line: RigLine | null = null;
  let ethernet: string | null = null;
  let reset: string | null = null;
  let suites: readonly SuiteName[] = SUITE_NAMES;
  reader.fields(value, `board "${name}"`, '{ line: "qemu:virt64" }', {
    line: (at) => {
      lineText = reader.string(at, 'line', LINE_RIGHT);
      line = lineText === null ? null : lineOf(reader, at, lineText);
    },
    ethernet: (at) => {
      ethernet = reader.string(at, 'ethernet', 'write the name of an interface, for example enp3s0');
      const problem = ethernet === null ? undefined : ifNameProblem(ethernet);
      if (problem !== undefined)
        reader.error(at.at, problem, 'write the name of an interface, for example enp3s0');
    },
    reset: (at) => {
      reset = reader.string(at, 'reset', 'write a command, for example uhubctl -l 1-1 -p 2 -a cycle');
    },
    suites: (at) => {
      suites = readSuites(reader, at);
    },
  });
  if (reader.errors.length > mistakes) return null;
  if (lineText === null || line === null) {
    reader.error(keyAt, `board "${name}" has no line`, LINE_RIGHT);
    return null;
  }
  return {
    name,
    lineText,
    line,
    suites,
    ...(ethernet === null ? {} : { ethernet }),
    ...(reset === null ? {} : { reset }),
  };
}

function lineOf(reader: YamlReader, { at }: Value, text: string): RigLine | null {
  try {
    return parseRigLine(text);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    reader.error(at, error.message.replace(/^port /, ''), LINE_RIGHT);
    return null;
  }
}

function readSuites(reader: YamlReader, value: Value): SuiteName[] {
  const found: SuiteName[] = [];
  for (const item of reader.items(value, 'suites', `[${SUITE_NAMES.join(', ')}]`) ?? []) {
    const suite = reader.oneOf(item, 'suite', SUITE_NAMES);
    if (suite === null) continue;
    if (found.includes(suite)) reader.error(item.at, `suite "${suite}" is named twice`, 'name it once');
    found.push(suite);
  }
  return found;
}
