/**
 * Dumps of the kernel read back: each file of the corpus is loaded by nft into a namespace, its bytes are dumped, and what is made
 * of them must be what `nft list ruleset` prints, line by line. Nothing is known to differ.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { NftaSetElemList, NftMsg } from '../../assembly/abi/nf_tables.js';
import { systemNames } from '../../src/nft/datatype/names.js';
import { delinearize } from '../../src/nft/delinearize/ruleset.js';
import { readDump } from '../../src/nft/encode/dump.js';
import { FAMILY_NUMBER } from '../../src/nft/encode/message.js';
import { printRuleset } from '../../src/nft/print/ruleset.js';
import { kernelDump } from './nft_messages.js';
import { enterOwnNetns } from './netns.js';

const CORPUS = join(import.meta.dirname, '../nft/corpus');
const files = readdirSync(CORPUS).filter((name) => name.endsWith('.nft'));
const names = { ...systemNames(), ifname: (index: number) => (index === 1 ? 'lo' : undefined) };

function dumped() {
  const heads = [
    NftMsg.GETTABLE,
    NftMsg.GETOBJ,
    NftMsg.GETSET,
    NftMsg.GETFLOWTABLE,
    NftMsg.GETCHAIN,
    NftMsg.GETRULE,
  ].flatMap((message) => kernelDump(message, 0));
  const elements = readDump(heads).flatMap((thing) =>
    thing.kind === 'set'
      ? kernelDump(NftMsg.GETSETELEM, FAMILY_NUMBER[thing.family], (attrs) => {
          attrs.text(NftaSetElemList.TABLE, thing.table).text(NftaSetElemList.SET, thing.name);
        })
      : [],
  );
  return readDump([...heads, ...elements]);
}

/** The time that is left differs from one moment to the next. */
const lasting = (text: string): string => text.replace(/ expires [0-9a-z]+/g, '');

test.each(files)('%s is read back as nft lists it', (file) => {
  const netns = enterOwnNetns();
  try {
    execFileSync('nft', ['-f', join(CORPUS, file)]);
    const listed = execFileSync('nft', ['-a', 'list', 'ruleset'], { encoding: 'utf8' });
    const ours = printRuleset(delinearize(dumped(), names), { handles: true });
    expect(lasting(ours)).toBe(lasting(listed));
  } finally {
    netns.leave();
  }
});
