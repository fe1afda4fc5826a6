import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { boardOfLine, parseRig, parseRigLine, SUITE_NAMES } from './rig_config.js';

const parse = (text: string) => parseRig('rig.yaml', text);
const mistake = (text: string): string => {
  try {
    parse(text);
  } catch (error) {
    return (error as Error).message;
  }
  return 'no mistake';
};

describe('rig.yaml', () => {
  it('as it is in the tree has the virtual boards, and one behind a tty', () => {
    const boards = parse(readFileSync('hil/rig.yaml', 'utf8'));
    expect(boards.map(({ name }) => name)).toEqual(['virt64', 'virt32', 'sifive_u', 'virt64-tty']);
    expect(boards[0]).toEqual({
      name: 'virt64',
      lineText: 'qemu:virt64',
      line: { kind: 'virtual', board: 'virt64', tty: false },
      suites: SUITE_NAMES,
    });
  });

  it('names a real board by its tty, with its Ethernet, its reset and its suites', () => {
    expect(
      parse(`boards:
  unmatched:
    line: /dev/ttyUSB1@921600
    ethernet: enp3s0
    reset: uhubctl -a cycle
    suites: [board, ping]
`),
    ).toEqual([
      {
        name: 'unmatched',
        lineText: '/dev/ttyUSB1@921600',
        line: { kind: 'real', spec: 'serial:/dev/ttyUSB1@921600' },
        ethernet: 'enp3s0',
        reset: 'uhubctl -a cycle',
        suites: ['board', 'ping'],
      },
    ]);
  });

  it.each([
    [
      'an unknown key',
      'boards:\n  a: { line: "qemu:virt64", speed: 1 }',
      'rig.yaml:2:29: unknown key "speed"',
    ],
    ['an unknown board', 'boards:\n  a: { line: "qemu:virt65" }', "rig.yaml:2:14: no virtual board 'virt65'"],
    ['no line', 'boards:\n  a: { suites: [ping] }', 'rig.yaml:2:3: board "a" has no line'],
    [
      'a rate that is none',
      'boards:\n  a: { line: /dev/ttyS0@x }',
      "rig.yaml:2:14: 'serial:/dev/ttyS0@x': 'x'",
    ],
    ['an unknown suite', 'boards:\n  a: { line: "qemu:virt64", suites: [pin] }', 'did you mean "ping"?'],
    [
      'a suite twice',
      'boards:\n  a: { line: "qemu:virt64", suites: [ping, ping] }',
      'rig.yaml:2:44: suite "ping"',
    ],
    ['no name', 'boards:\n  "a b": { line: "qemu:virt64" }', 'rig.yaml:2:3: "a b" is no name'],
    ['an interface that cannot be', 'boards:\n  a: { line: /dev/ttyS0, ethernet: a/b }', 'rig.yaml:2:36:'],
    [
      'one line for two',
      'boards:\n  a: { line: /dev/ttyS0 }\n  b: { line: /dev/ttyS0 }',
      'a and b have the same',
    ],
    ['no boards', 'board: {}', 'rig.yaml:1:1: unknown key "board"'],
    ['nothing', '', 'the file has to be a mapping'],
    ['no YAML', 'boards: [', 'not valid YAML'],
  ])('tells of %s, and where', (_what, text, message) => {
    expect(mistake(text)).toContain(message);
  });

  it('tells all mistakes at once', () => {
    const text = mistake('boards:\n  a: { line: x }\n  b: { lin: y }');
    expect(text).toContain('rig.yaml:2:14:');
    expect(text).toContain('rig.yaml:3:8:');
  });
});

describe('a line on the command line', () => {
  it('is a board with all suites', () => {
    expect(boardOfLine('/dev/ttyUSB0', 'eth1')).toEqual({
      name: 'dev-ttyUSB0',
      lineText: '/dev/ttyUSB0',
      line: { kind: 'real', spec: 'serial:/dev/ttyUSB0' },
      ethernet: 'eth1',
      suites: SUITE_NAMES,
    });
  });

  it('may have the word serial: before it', () => {
    expect(parseRigLine('serial:qemu:virt32')).toEqual({ kind: 'virtual', board: 'virt32', tty: false });
    expect(parseRigLine('serial:tcp://192.0.2.1:4001')).toEqual({
      kind: 'real',
      spec: 'serial:tcp://192.0.2.1:4001',
    });
  });
});
