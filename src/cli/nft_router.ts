/**
 * `ww nft` without -c: hands a compiled ruleset to a running router, through its control socket, as one transaction. An
 * error of the router's comes back with the number of its message, and so with the place of the command it was made of.
 */
import { NetError } from '../net_error.js';
import { errnoName } from '../core/errno_name.js';
import { joinMessages, readMessages } from '../netlink/nlmsg.js';
import { type SystemNames, systemNames } from '../nft/datatype/names.js';
import type { ListNames } from '../nft/delinearize/ruleset.js';
import { readDump } from '../nft/encode/dump.js';
import { encodeBatch } from '../nft/encode/message.js';
import { NftError } from '../nft/error.js';
import { RulesetErrors } from '../nft/evaluate/command.js';
import type { IrCommand, IrThing } from '../nft/ir.js';
import {
  type ControlAnswer,
  controlFolder,
  controlPath,
  controlPids,
  type ControlRequest,
} from '../services/control_protocol.js';
import { ask } from './dump_port.js';

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

/** strerror(3) of what nf_tables answers. */
const STRERROR: Readonly<Record<string, string>> = {
  EPERM: 'Operation not permitted',
  ENOENT: 'No such file or directory',
  ENOMEM: 'Cannot allocate memory',
  EBUSY: 'Device or resource busy',
  EEXIST: 'File exists',
  ENODEV: 'No such device',
  EINVAL: 'Invalid argument',
  EMLINK: 'Too many links',
  ERANGE: 'Numerical result out of range',
  ELOOP: 'Too many levels of symbolic links',
  ENFILE: 'Too many open files in system',
  EOPNOTSUPP: 'Operation not supported',
  ENOTEMPTY: 'Directory not empty',
};

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
    const errors = failed.map(({ seq, error, message }) => {
      const why = message ?? STRERROR[errnoName(error)] ?? errnoName(error);
      const command = messages.find((each) => each.seq === seq)?.command;
      if (command === undefined)
        return new NetError(errnoName(error), `the router refuses the transaction: ${why}`);
      return new NftError(`Could not process rule: ${why}`, command.loc);
    });
    const first = errors.find((error) => error instanceof NetError);
    if (first !== undefined) throw first;
    if (errors.length > 0) throw new RulesetErrors(errors.filter((error) => error instanceof NftError));
  }
}
