import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readMessages } from '../../netlink/nlmsg.js';
import { systemNames } from '../datatype/names.js';
import { evaluateCommands } from '../evaluate/command.js';
import { exprText } from '../expr/registry.js';
import { parse } from '../grammar/parse.js';
import type { IrCommand, IrThing } from '../ir.js';
import { decodeMessage } from './decode.js';
import { encodeBatch } from './message.js';

const here = new URL('../../../test/nft/', import.meta.url);
const files = ['bytecode', 'corpus'].flatMap((folder) =>
  readdirSync(new URL(folder, here)).map((file) => `${folder}/${file}`),
);
const names = systemNames();

const compile = (file: string): IrCommand[] =>
  evaluateCommands(parse({ name: file, text: readFileSync(new URL(file, here), 'utf8') }), { names });

/** Rules as text: what nft does not send (the mask of a prefix, spelt out) is no difference. */
function shown(thing: IrThing): unknown {
  if (thing.kind === 'rule') return { ...thing, exprs: thing.exprs.map(exprText) };
  if (thing.kind === 'elements') {
    return { ...thing, elements: thing.elements.map((element) => ({ ...element, loc: undefined })) };
  }
  if (thing.kind === 'set') return { ...thing, policy: undefined, exprs: thing.exprs.map(exprText) };
  return thing;
}

describe('decoding what was encoded', () => {
  test.each(files)('gives %s again', (file) => {
    const dataTypes = new Map<number, number | undefined>();
    for (const { command, bytes } of encodeBatch(compile(file))) {
      const thing = command?.thing;
      if (thing === undefined || thing.kind === 'flush' || command?.op !== 'add') continue;
      if (thing.kind === 'set') dataTypes.set(thing.id, thing.dataType);
      const dataType = thing.kind === 'elements' ? dataTypes.get(thing.setId) : undefined;
      const decoded = decodeMessage(readMessages(bytes)[0]!, dataType);
      if (
        thing.kind === 'rule' ||
        thing.kind === 'set' ||
        thing.kind === 'elements' ||
        thing.kind === 'table'
      )
        expect(shown(decoded)).toEqual(shown(thing));
      else expect(decoded).toMatchObject({ kind: thing.kind, name: thing.name });
    }
  });

  test('refuses a message that is not of nf_tables', () => {
    const [begin] = encodeBatch([]);
    expect(() => decodeMessage(readMessages(begin!.bytes)[0]!)).toThrow('not of nf_tables');
  });
});
