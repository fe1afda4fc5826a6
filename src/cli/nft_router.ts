/**
 * `ww nft` without -c: hands a compiled ruleset to a running router, through its control socket, as one transaction. An
 * error of the router's comes back with the number of its message, and so with the place of the command it was made of.
 */
import { NetError } from '../net_error.js';
import { joinMessages, readMessages } from '../netlink/nlmsg.js';
import { type SystemNames, systemNames } from '../nft/datatype/names.js';
import type { ListNames } from '../nft/delinearize/ruleset.js';
import { readDump } from '../nft/encode/dump.js';
import { encodeBatch } from '../nft/encode/message.js';
import type { IrCommand, IrThing } from '../nft/ir.js';
import {
  type ControlAnswer,
  controlFolder,
  controlPath,
  controlPids,
  type ControlRequest,
} from '../services/control_protocol.js';
import { ask } from './dump_port.js';
import { throwRefused } from './nft_refused.js';

async function answered(path: string, request: ControlRequest): Promise<ControlAnswer & { ok: true }> {
  const { answer, socket } = await ask(path, request);
  socket.destroy();
  if (!answer.ok) throw new NetError('EINVAL', `the router says: ${answer.error}`);
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

  /** What it has now. */
  async ruleset(): Promise<IrThing[]> {
    const { ruleset = '' } = await answered(this.path, { ask: 'ruleset' });
    return readDump(readMessages(new Uint8Array(Buffer.from(ruleset, 'base64'))));
  }

  /** All of it or nothing; throws RulesetErrors. */
  async load(ir: readonly IrCommand[]): Promise<void> {
    if (ir.length === 0) return;
    const messages = encodeBatch(ir);
    const batch = Buffer.from(joinMessages(messages.map(({ bytes }) => bytes))).toString('base64');
    const { failed = [] } = await answered(this.path, { ask: 'netfilter', batch });
    throwRefused(messages, failed);
  }
}
