/** `ww board`: boards at the end of a serial line. What the subcommands do is in board_run.ts. */
import { Command } from 'commander';
import type { BoardOptions } from './board_run.js';
import type { MakeCommand } from './command_line.js';

const LINE = 'the line: serial:/dev/ttyUSB0, serial:tcp://HOST:PORT or serial:qemu:virt64';

export const makeBoardCommand: MakeCommand = (report) => {
  const board = new Command('board').description('boards behind a serial line: find, ask, test, reset');
  const add = (name: string, summary: string, line: boolean): Command => {
    const command = new Command(name).description(summary).option('--json', 'print JSON');
    if (line) command.argument('<line>', LINE);
    command.action(async (...args: unknown[]) => {
      const { runBoard } = await import('./board_run.js');
      const [first, second] = args;
      report(
        await (line
          ? runBoard(name, second as BoardOptions, first as string)
          : runBoard(name, first as BoardOptions)),
      );
    });
    board.addCommand(command);
    return command;
  };
  add('list', 'serial lines of this machine, the boards that answer there, and virtual boards', false).option(
    '--no-probe',
    'ask nobody: another program may use the line',
  );
  add('info', 'who the board is, its ports and its counters', true);
  add('monitor', 'starts, traps, links and log of the board as they come', true).option(
    '--duration <seconds>',
    'end after so long',
    Number,
  );
  add('selftest', "run the board's own tests", true);
  add('bench', 'round trips and rates of the line, with calls of three sizes', true);
  add('reset', 'start the board again', true);
  return board;
};
