/** How a board of the rig is reached: the spec of its line, and what had to be started for it to be there. */
import type { BoardNet } from '../../src/drivers/serial/serial_spec.js';
import { VirtualBoard } from '../../src/drivers/serial/virtual_board.js';
import { PseudoTerminal } from '../line/pseudo_terminal.js';
import type { RigLine } from '../rig/rig_config.js';

export interface Reached {
  /** 'serial:...', as in a router's configuration. */
  readonly spec: string;
  close(): Promise<void>;
}

const specOf = (net: BoardNet): string => {
  switch (net.kind) {
    case 'user':
      return 'user';
    case 'tap':
      return `tap:${net.ifName}`;
    case 'udp':
      return `udp:${net.local}-${net.remote}`;
  }
};

/** `net` is a virtual board's Ethernet; a real one has its own. */
export async function reach(line: RigLine, net: BoardNet): Promise<Reached> {
  if (line.kind === 'real') return { spec: line.spec, close: async () => {} };
  if (!line.tty) return { spec: `serial:qemu:${line.board}@${specOf(net)}`, close: async () => {} };
  const board = await VirtualBoard.start({ board: line.board, nets: [net] });
  try {
    const tty = await PseudoTerminal.open(board.serial);
    return {
      spec: `serial:${tty.path}`,
      close: async () => {
        await tty.close();
        await board.close();
      },
    };
  } catch (error) {
    await board.close();
    throw error;
  }
}
