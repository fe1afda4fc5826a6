/**
 * The messages made of a ruleset, beside those that nft(8) sends for it; and sent into the kernel, which then lists what it lists
 * after nft has loaded the same file.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NftMsg } from '../../assembly/abi/nf_tables.js';
import { systemNames } from '../../src/nft/datatype/names.js';
import { encodeBatch } from '../../src/nft/encode/message.js';
import { evaluateCommands } from '../../src/nft/evaluate/command.js';
import { parse } from '../../src/nft/grammar/parse.js';
import type { IrCommand } from '../../src/nft/ir.js';
import { type NlAttr, readAttrs } from '../../src/netlink/nlattr.js';
import { joinMessages, readMessages } from '../../src/netlink/nlmsg.js';
import { Sys } from '../../src/sys/sys.js';
import { NetfilterSocket } from './netfilter_socket.js';
import { enterOwnNetns, type OwnNetns } from './netns.js';
import { printedMessages } from './nft_messages.js';

process.env.TZ = 'UTC';

const folder = new URL('../nft/corpus/', import.meta.url);
const files = readdirSync(folder).sort();
const names = systemNames();

let netns: OwnNetns;
beforeEach(() => {
  netns = enterOwnNetns();
});
afterEach(() => {
  netns.leave();
});

function compile(file: string): IrCommand[] {
  const path = new URL(file, folder);
  return evaluateCommands(parse({ name: path.pathname, text: readFileSync(path, 'utf8') }), { names });
}

const nft = (...args: string[]) => spawnSync('nft', args, { encoding: 'utf8', maxBuffer: 1 << 28 });

/** Numbers of sets and chains of a batch are whatever the sender likes: which one it is, in order of appearance. */
class Numbers {
  private readonly seen = new Map<string, number>();

  name(kind: string, value: Uint8Array): string {
    const key = `${kind} ${Buffer.from(value).toString('hex')}`;
    if (!this.seen.has(key)) this.seen.set(key, this.seen.size);
    return `${kind} ${this.seen.get(key)}`;
  }
}

const SET_ID: Readonly<Record<string, number>> = { lookup: 4, dynset: 2, objref: 5 };
const text = (value: Uint8Array): string => Buffer.from(value).toString('latin1').replace(/\0.*$/s, '');

function attributes(attrs: readonly NlAttr[], ids: Numbers, top: number, expr = ''): string {
  const name = attrs.find(({ type, nested }) => type === 1 && !nested);
  return attrs
    .map(({ type, nested, value }) => {
      if (nested) {
        const inner = readAttrs(value);
        const within = type === 2 && name !== undefined && top === 0 && expr === '' ? text(name.value) : expr;
        return `${type} { ${attributes(inner, ids, 0, within)} }`;
      }
      const setId =
        (top === NftMsg.NEWSET && type === 10) ||
        (top === NftMsg.NEWSETELEM && type === 4) ||
        (top === 0 && SET_ID[expr] === type && value.length === 4);
      const chainId =
        (top === NftMsg.NEWCHAIN && type === 11) ||
        (top === NftMsg.NEWRULE && type === 11) ||
        (top === 0 && expr === 'immediate' && type === 3 && value.length === 4);
      if (setId) return `${type} ${ids.name('set', value)}`;
      if (chainId) return `${type} ${ids.name('chain', value)}`;
      return `${type} ${Buffer.from(value).toString('hex')}`;
    })
    .join(', ');
}

function lines(messages: readonly Uint8Array[]): string[] {
  const ids = new Numbers();
  return readMessages(joinMessages(messages))
    .filter(({ type }) => type >> 8 === 10)
    .map(({ type, payload }) => {
      const message = type & 0xff;
      return `${message} family ${payload[0]}: ${attributes(readAttrs(payload.subarray(4)), ids, message)}`;
    });
}

const isQuestion = (message: number): boolean =>
  [
    NftMsg.GETTABLE,
    NftMsg.GETCHAIN,
    NftMsg.GETRULE,
    NftMsg.GETSET,
    NftMsg.GETSETELEM,
    NftMsg.GETGEN,
    NftMsg.GETOBJ,
    NftMsg.GETFLOWTABLE,
  ].some((each) => each === message);

test.each(files)('of %s the messages are those of nft', (file) => {
  spawnSync('ip', ['link', 'set', 'lo', 'up']);
  const { stdout } = nft('--debug=mnl', '-c', '-f', new URL(file, folder).pathname);
  const sent = lines(printedMessages(stdout)).filter((line) => !isQuestion(Number.parseInt(line, 10)));
  expect(sent.length).toBeGreaterThan(0);
  expect(lines(encodeBatch(compile(file)).map(({ bytes }) => bytes))).toEqual(sent);
});

/** Sends a batch; what the kernel refuses of it. */
function load(commands: readonly IrCommand[]): string[] {
  const messages = encodeBatch(commands);
  const socket = new NetfilterSocket(new Sys());
  try {
    return socket
      .batchNow(joinMessages(messages.map(({ bytes }) => bytes)))
      .filter(({ error }) => error !== 0)
      .map((ack) => {
        const of = messages.find(({ seq }) => seq === ack.seq)?.command?.thing;
        return `${ack.error} for ${of?.kind} (${ack.message ?? ''})`;
      });
  } finally {
    socket.close();
  }
}

/** Handles and remaining times differ. */
const listed = (): string => nft('list', 'ruleset').stdout.replace(/ expires [0-9a-z]+/g, '');

test.each(files)('%s goes into the kernel, which lists what nft had loaded', (file) => {
  spawnSync('ip', ['link', 'set', 'lo', 'up']);
  expect(load(compile(file))).toEqual([]);
  const ours = listed();
  nft('flush', 'ruleset');
  expect(nft('-f', new URL(file, folder).pathname).status).toBe(0);
  expect(ours).toBe(listed());
});
