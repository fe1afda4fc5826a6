/**
 * pcap's filter language (pcap-filter(7)) for Ethernet frames, compiled to classic BPF and run here.
 *
 *   text ─ lexer ─► parser ─► Expression ─ generate ─► Condition ─ emit ─► BpfProgram ─ runBpf ─► chosen or not
 *
 * Differs: names of networks and gateways, 802.11, ATM, and tunnels (geneve, vxlan) are refused by name; an expression
 * that no frame can meet is no error; `inbound` and `outbound` work on captures that tell the direction.
 */
import type { Expression } from './ast.js';
import { type BpfFrame, type BpfProgram, runBpf } from './bpf.js';
import { emit } from './condition.js';
import { generate, type NameAddresses } from './generate.js';
import { parseFilter } from './parser.js';

export interface FilterOptions {
  /** Addresses of the names that namesIn() finds. */
  readonly names?: NameAddresses;
}

export class PcapFilter {
  readonly program: BpfProgram;

  /** Throws a FilterError that shows the place of a mistake. */
  constructor(
    readonly text: string,
    options: FilterOptions = {},
  ) {
    const expression = parseFilter(text);
    this.program = emit(expression && generate(expression, text, options.names ?? new Map()));
  }

  /** True when the expression chooses the frame. */
  matches(frame: BpfFrame): boolean {
    return runBpf(this.program, frame) !== 0;
  }
}

/** Names of hosts in the expression, to be looked up before it is compiled. */
export function namesIn(text: string): string[] {
  const found = new Set<string>();
  const look = (expression: Expression): void => {
    switch (expression.kind) {
      case 'and':
      case 'or':
        look(expression.left);
        look(expression.right);
        break;
      case 'not':
        look(expression.of);
        break;
      case 'id': {
        const { id, qualifiers } = expression;
        const isHost = qualifiers.type === 'host' || qualifiers.type === 'default';
        if (isHost && id.kind === 'name' && qualifiers.protocol !== 'ether') found.add(id.text);
        break;
      }
      default:
    }
  };
  const expression = parseFilter(text);
  if (expression !== null) look(expression);
  return [...found];
}
