import { describe, expect, it } from 'vitest';
import { Screen, useColor } from './screen.js';

function fakeTerminal(rows = 24) {
  const terminal = {
    isTTY: true,
    columns: 80,
    rows,
    text: '',
    write(more: string) {
      terminal.text += more;
    },
  };
  return terminal;
}

describe('Screen', () => {
  it('goes back over what it drew', () => {
    const terminal = fakeTerminal();
    const screen = new Screen(terminal);
    screen.draw(['a', 'b']);
    terminal.text = '';
    screen.draw(['c']);
    expect(terminal.text).toBe('\r\x1b[2Ac\x1b[K\n\x1b[J');
    screen.close();
  });

  it('prints above the drawing', () => {
    const terminal = fakeTerminal();
    const screen = new Screen(terminal);
    screen.draw(['a']);
    terminal.text = '';
    screen.print('log line\n');
    expect(terminal.text).toBe('\r\x1b[1A\x1b[Jlog line\na\x1b[K\n\x1b[J');
    screen.close();
  });

  it('draws no more lines than the terminal has, so that going back stays right', () => {
    const terminal = fakeTerminal(3);
    const screen = new Screen(terminal);
    screen.draw(['1', '2', '3', '4']);
    expect(terminal.text).not.toContain('3\x1b[K');
    screen.close();
  });

  it('gives the cursor back once, and leaves no listener on the process', () => {
    const before = process.listenerCount('exit');
    const terminal = fakeTerminal();
    const screen = new Screen(terminal);
    screen.draw(['a']);
    expect(process.listenerCount('exit')).toBe(before + 1);
    screen.close();
    screen.close();
    expect(terminal.text.split('\x1b[?25h')).toHaveLength(2);
    expect(process.listenerCount('exit')).toBe(before);
  });
});

describe('useColor', () => {
  it.each([
    [{ isTTY: true }, {}, true],
    [{ isTTY: false }, {}, false],
    [{}, {}, false],
    [{ isTTY: true }, { NO_COLOR: '1' }, false],
    [{ isTTY: true }, { NO_COLOR: '' }, true],
    [{ isTTY: true }, { TERM: 'dumb' }, false],
  ])('%j with %j: %s', (stream, env, expected) => {
    expect(useColor({ write: () => true, ...stream }, env)).toBe(expected);
  });
});
