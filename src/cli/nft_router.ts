/**
 * A running router, as `ww nft` and `ww conntrack` see it through its control socket: netlink messages go in, and what is
 * answered, dumped or notified comes back. An error of a transaction comes back with the number of its message and the
 * place in it, and so with the place in the text that it was made of.
 */
import type { Socket } from 'node:net';
import { NFNL_SUBSYS_NFTABLES } from '../../assembly/abi/nfnl.js';
import { NetError } from '../net_error.js';
import { errnoName } from '../core/errno_name.js';
import { joinMessages, type NlMsg, readAck, readMessages } from '../netlink/nlmsg.js';
import { type SystemNames, systemNames } from '../nft/datatype/names.js';
import type { ListNames } from '../nft/delinearize/ruleset.js';
import { readDump } from '../nft/encode/dump.js';
import { encodeBatch } from '../nft/encode/message.js';
import type { IrCommand, IrThing } from '../nft/ir.js';
import {
  type BuiltCode,
  type ControlAnswer,
  controlFolder,
  controlPath,
  controlPids,
  type ControlRequest,
  type NetfilterEvents,
} from '../services/control_protocol.js';
import { ask } from './dump_port.js';
import { strerror, throwRefused } from './nft_refused.js';

const read = (base64 = ''): NlMsg[] => readMessages(new Uint8Array(Buffer.from(base64, 'base64')));
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

async function answered(path: string, request: ControlRequest): Promise<ControlAnswer & { ok: true }> {
  const { answer, socket } = await ask(path, request);
  socket.destroy();
  if (!answer.ok) throw new NetError(answer.code ?? 'EINVAL', `the router says: ${answer.error}`);
  return answer;
}

/** The only router of this user, or the one with this pid. */
async function findRouter(pid: number | undefined): Promise<string> {
  const folder = controlFolder();
  const pids = folder === null ? [] : pid === undefined ? controlPids(folder) : [pid];
  const running: number[] = [];
  for (const each of pids) {
    const found = await answered(controlPath(folder!, each), { ask: 'ports' }).catch(() => null);
    if (found !== null) running.push(each);
  }
  if (running.length > 1) {
    throw new NetError('EINVAL', `several routers run; choose one by --pid: ${running.join(', ')}`);
  }
  if (running.length === 0) {
    throw new NetError('ENOENT', 'no router of yours runs; with -c rules are checked without one');
  }
  return controlPath(folder!, running[0]!);
}

export class RunningRouter {
  private constructor(
    private readonly path: string,
    /** With the router's own links. */
    readonly names: SystemNames & ListNames,
  ) {}

  static async open(pid: number | undefined): Promise<RunningRouter> {
    const path = await findRouter(pid);
    const { links = {} } = await answered(path, { ask: 'links' });
    return new RunningRouter(path, {
      ...systemNames((name) => links[name]),
      ifname: (index) => Object.keys(links).find((name) => links[name] === index),
    });
  }

  /** What it has now; without `elements`, of sets that have a name only what they are. */
  async ruleset(elements = true): Promise<IrThing[]> {
    const { ruleset } = await answered(this.path, { ask: 'ruleset', elements });
    return readDump(read(ruleset));
  }

  /** What its rules were made into. */
  async built(): Promise<BuiltCode> {
    const { built } = await answered(this.path, { ask: 'built' });
    return built ?? { mode: 'off', chains: [] };
  }

  /** What is answered to one message of nfnetlink, a dump whole; an error is thrown. */
  async question(message: Uint8Array): Promise<NlMsg[]> {
    const { messages } = await answered(this.path, { ask: 'nfnetlink', message: base64(message) });
    const found = read(messages);
    const error = found.map(readAck).find((ack) => ack !== undefined && ack.error !== 0);
    if (error === undefined) return found.filter((each) => readAck(each) === undefined);
    const code = errnoName(error.error);
    throw new NetError(code, error.message ?? strerror(code));
  }

  /** All of it or nothing; throws RulesetErrors. `echo`: gives back what was made known of it. */
  async load(ir: readonly IrCommand[], echo = false): Promise<NlMsg[]> {
    if (ir.length === 0) return [];
    const messages = encodeBatch(ir);
    const batch = base64(joinMessages(messages.map(({ bytes }) => bytes)));
    const answer = await answered(this.path, { ask: 'netfilter', batch, echo });
    throwRefused(messages, answer.failed ?? []);
    return read(answer.messages);
  }

  /** Events from now on, until the router ends or `stop` is called. */
  async follow(of: NetfilterEvents, each: (messages: NlMsg[]) => void): Promise<Followed> {
    const { answer, socket, rest } = await ask(this.path, { ask: 'events', of });
    if (!answer.ok) throw new NetError(answer.code ?? 'EINVAL', `the router says: ${answer.error}`);
    return followed(socket, rest, each);
  }
}

export interface Followed {
  readonly ended: Promise<void>;
  stop(): void;
}

/** Whole messages out of what arrives in pieces. */
function followed(socket: Socket, rest: Buffer, each: (messages: NlMsg[]) => void): Followed {
  let waiting = rest;
  const take = () => {
    let end = 0;
    while (waiting.length - end >= 4) {
      const length = (waiting.readUInt32LE(end) + 3) & ~3;
      if (length === 0 || waiting.length - end < length) break;
      end += length;
    }
    if (end === 0) return;
    const messages = readMessages(new Uint8Array(waiting.subarray(0, end)));
    waiting = waiting.subarray(end);
    each(messages);
  };
  const ended = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  socket.on('data', (piece: Buffer) => {
    waiting = Buffer.concat([waiting, piece]);
    take();
  });
  take();
  socket.resume();
  return { ended, stop: () => socket.destroy() };
}

export const nftType = (message: number): number => (NFNL_SUBSYS_NFTABLES << 8) | message;
