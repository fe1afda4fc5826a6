/**
 * nf_tables against the kernel: the batch that nft(8) sends for a ruleset goes into Linux and into ours, and both dump the
 * same bytes for it: tables, chains, rules, sets, elements, objects, flowtables. What one refuses the other refuses.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NftaSet, NftaSetElemList, NftMsg } from '../../assembly/abi/nf_tables.js';
import { type NlMsg, joinMessages, readNfMsg } from '../../src/netlink/nlmsg.js';
import { createStack, type Stack } from '../../src/stack.js';
import { kernelDump, nftLoad } from './nft_messages.js';
import { enterOwnNetns, type OwnNetns } from './netns.js';
import { NFT_RULESETS } from './nft_rulesets.js';

const SUBSYS_NFT = 10 << 8;
let netns: OwnNetns;
let stack: Stack;

beforeEach(async () => {
  netns = enterOwnNetns();
  stack = await createStack({ clock: 'virtual' });
});
afterEach(async () => {
  netns.leave();
  await stack.close();
});

/**
 * Without what differs by nature: sequence numbers, ports, generation; the address that Linux prints as the type of a set
 * (attribute 19 of NFT_MSG_NEWSET); the numbers of nested chains, which Linux counts over all namespaces.
 */
function lines(messages: readonly NlMsg[]): string[] {
  return messages.map(({ type, bytes }) => {
    const text = Buffer.from(bytes.subarray(20))
      .toString('hex')
      .replace(/(.{8})/g, '$1 ')
      .replace(/....1300 ([0-9a-f]{8} )*(?=08001400)/, '')
      .replace(/5f5f6368 61696e.. ......../g, '5f5f6368 61696e.. ........')
      .replace(/5f5f6368 61696e(....) /g, '5f5f6368 61696e.. ')
      .replace(/(?:0[def]|10)00(0300 5f5f6368)/, '$1')
      .replace(/(?:0[def]|10)00(0200 5f5f6368)/, '$1');
    return `${type & 0xff} family ${bytes[16]} ${text}`;
  });
}

const DUMPS = [
  NftMsg.GETTABLE,
  NftMsg.GETCHAIN,
  NftMsg.GETSET,
  NftMsg.GETRULE,
  NftMsg.GETOBJ,
  NftMsg.GETFLOWTABLE,
];

/** Sets of one side, by family, table and name. */
function setsOf(messages: readonly NlMsg[]): { family: number; table: string; name: string }[] {
  return messages.map((message) => {
    const { family, attrs } = readNfMsg(message);
    return { family, table: attrs.text(NftaSet.TABLE)!, name: attrs.text(NftaSet.NAME)! };
  });
}

/** A set's elements as bytes, in order: of hash tables each side has its own. What is left of their time runs on. */
function elements(messages: readonly NlMsg[]): string[] {
  return messages
    .flatMap((message) => readNfMsg(message).attrs.nested(NftaSetElemList.ELEMENTS)?.all(1) ?? [])
    .map((bytes) =>
      Buffer.from(bytes)
        .toString('hex')
        .replace(/0c000500[0-9a-f]{16}/, '(expiration)'),
    )
    .sort();
}

describe('the same batch, the same dump', () => {
  test.each(NFT_RULESETS)('$name', async ({ text, fails }) => {
    const run = nftLoad(text.replaceAll('} }', '}\n}'));
    const accepted = run.status === 0;
    expect(run.batch.length, run.stderr).toBeGreaterThan(2);
    if (fails !== true) expect(accepted, run.stderr).toBe(true);
    const ns = await stack.namespace('n');
    const acks = await ns.nfnl.batch(joinMessages(run.batch));
    const errors = acks.filter((ack) => ack.error !== 0);
    if (!accepted) {
      expect(errors.length).toBeGreaterThan(0);
      expect(await ns.nfnl.dump(SUBSYS_NFT | NftMsg.GETTABLE, 0)).toEqual([]);
    } else {
      expect(errors).toEqual([]);
      for (const dump of DUMPS) {
        expect(lines(await ns.nfnl.dump(SUBSYS_NFT | dump, 0))).toEqual(lines(kernelDump(dump, 0)));
      }
      for (const { family, table, name } of setsOf(kernelDump(NftMsg.GETSET, 0))) {
        const fill = (attrs: import('../../src/netlink/nlattr.js').NlAttrWriter) => {
          attrs.text(NftaSetElemList.TABLE, table).text(NftaSetElemList.SET, name);
        };
        const ours = elements(await ns.nfnl.dump(SUBSYS_NFT | NftMsg.GETSETELEM, family, fill));
        expect(ours, `elements of ${name}`).toEqual(elements(kernelDump(NftMsg.GETSETELEM, family, fill)));
      }
    }
    await stack.removeNamespace(ns);
  });
});
