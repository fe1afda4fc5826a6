/**
 * What nft(8) and the kernel say to each other, as bytes: `nft --debug=mnl` prints every message, and those lines are
 * read back. Of the flags it prints only some, so those that decide (create, append, ...) are put in by the command.
 */
import { spawnSync } from 'node:child_process';
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_REQUEST } from '../../assembly/abi/nfnl.js';
import { NftMsg } from '../../assembly/abi/nf_tables.js';
import type { NlAttrWriter } from '../../src/netlink/nlattr.js';
import { NetError } from '../../src/net_error.js';
import type { NlMsg } from '../../src/netlink/nlmsg.js';
import { Sys } from '../../src/sys/sys.js';
import { NetfilterSocket } from './netfilter_socket.js';

const SUBSYS_NFT = 10 << 8;
const HEADER_WORDS = 5;

/** Bytes of each message in what `nft --debug=mnl` printed, in order. */
export function printedMessages(text: string): Uint8Array[] {
  const messages: Uint8Array[] = [];
  let bytes: number[] | undefined;
  let header = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: nft colours what it prints
  for (const line of text.replace(/\u001b\[[0-9;]*m/g, '').split('\n')) {
    const u32 = (value: number) =>
      bytes!.push(value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24);
    if (/^-{16}\t/.test(line)) {
      if (bytes !== undefined && header === HEADER_WORDS) {
        messages.push(Uint8Array.from(bytes));
        bytes = undefined;
      } else bytes ??= [];
      header = bytes === undefined ? 0 : header;
      continue;
    }
    if (bytes === undefined) continue;
    const number = /^\|\s+(\d{10})\s+\|\t\|/.exec(line);
    const typed = /^\| (\d{5}) \| (....) \|\t\|/.exec(line);
    const attr = /^\|(\d{5})\|(..)\|(\d{5})\|\t/.exec(line);
    const data = /^\| (..) (..) (..) (..) {2}\|\t\|/.exec(line);
    if (number !== null) {
      u32(Number(number[1]));
      header++;
    } else if (typed !== null) {
      const flags = [...typed[2]!].reduce((sum, c) => sum | ({ R: 1, M: 2, A: 4, E: 8 }[c] ?? 0), 0);
      u32(Number(typed[1]) | (flags << 16));
      header++;
    } else if (attr !== null) {
      const flags = (attr[2]!.includes('N') ? 0x8000 : 0) | (attr[2]!.includes('B') ? 0x4000 : 0);
      u32(Number(attr[1]) | ((Number(attr[3]) | flags) << 16));
    } else if (data !== null) {
      for (let i = 1; i <= 4; i++) bytes.push(Number.parseInt(data[i]!, 16));
      if (header === HEADER_WORDS - 1) header++;
    }
  }
  return messages;
}

const typeOf = (message: Uint8Array): number => message[4]! | (message[5]! << 8);

/** The batch that `nft -f -` sends for a ruleset, and what it is answered. */
export interface NftRun {
  batch: Uint8Array[];
  status: number;
  stderr: string;
}

/** Loads `ruleset` into the namespace that this process is in. */
export function nftLoad(ruleset: string): NftRun {
  const { stdout, stderr, status } = spawnSync('nft', ['--debug=mnl', '-f', '-'], {
    encoding: 'utf8',
    input: ruleset,
    maxBuffer: 1 << 28,
  });
  const all = printedMessages(stdout);
  const begin = all.findIndex((message) => typeOf(message) === 16);
  const end = all.findIndex((message) => typeOf(message) === 17);
  const batch = begin < 0 ? [] : all.slice(begin, end + 1);
  for (const message of batch) putFlags(message, ruleset);
  return { batch, status: status ?? -1, stderr };
}

/** Flags that nft sets and does not print: NLM_F_CREATE, and NLM_F_APPEND of rules (unless the ruleset inserts). */
function putFlags(message: Uint8Array, ruleset: string): void {
  const view = new DataView(message.buffer, message.byteOffset);
  const create: readonly number[] = [
    NftMsg.NEWTABLE,
    NftMsg.NEWCHAIN,
    NftMsg.NEWRULE,
    NftMsg.NEWSET,
    NftMsg.NEWSETELEM,
    NftMsg.NEWOBJ,
    NftMsg.NEWFLOWTABLE,
  ];
  let flags = NLM_F_REQUEST;
  const type = typeOf(message);
  if (create.some((kind) => type === (SUBSYS_NFT | kind))) flags |= NLM_F_CREATE;
  if (type === (SUBSYS_NFT | NftMsg.NEWRULE) && !ruleset.startsWith('insert')) flags |= NLM_F_APPEND;
  view.setUint16(6, flags, true);
  // The subsystem in the headers of a batch.
  if (type === 16 || type === 17) message.set([0, 0, 0, 10], 16);
}

/** All messages of a dump of the namespace that this process is in; none of what this kernel does not know. */
export function kernelDump(message: number, family: number, fill?: (attrs: NlAttrWriter) => void): NlMsg[] {
  const socket = new NetfilterSocket(new Sys());
  try {
    return socket.dumpNow(SUBSYS_NFT | message, family, fill);
  } catch (error) {
    if (error instanceof NetError) return [];
    throw error;
  } finally {
    socket.close();
  }
}
