/**
 * assembly/abi/link.ts ─► link_abi.h. `node firmware/link/generate.mjs [--check]`
 * assembly/abi/layout.ts ─► core_abi.h, made by the build (firmware/core.mjs)
 *
 *   export const LINK_X: u32 = 1     #define LINK_X 1u
 *   export enum LinkType { A = 1 }   enum link_type { LINK_TYPE_A = 1, ... };
 *   export enum LinkHello { A = 0, B = 4, SIZE = 8 }   a struct: a field is as wide as up to the next one, 1, 2, 4 and 8
 *                                    bytes are numbers, other widths bytes; its size and offsets are asserted
 *   export enum LinkCounter { A = 0, ..., MAX = 9 }    enum
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const abi = (name) => fileURLToPath(new URL(`../../assembly/abi/${name}.ts`, import.meta.url));
const HEADER = fileURLToPath(new URL('./link_abi.h', import.meta.url));

const snake = (name) => name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();

/** The comment in front of a declaration, with its stars. */
function comment(node, source, indent) {
  const ranges = ts.getLeadingCommentRanges(source.text, node.getFullStart()) ?? [];
  return ranges
    .filter(({ pos }) => pos > 0 && source.text.startsWith('/**', pos))
    .map(
      ({ pos, end }) =>
        indent +
        source.text
          .slice(pos, end)
          .replace('/**', '/*')
          .replace(/\n\s*\*/g, `\n${indent} *`),
    )
    .join('\n');
}

function struct(name, members, source) {
  const lines = [`struct ${name} {`];
  const asserts = [];
  members.forEach(({ key, value, member }, i) => {
    if (key === 'SIZE') return;
    const text = comment(member, source, '    ');
    if (text !== '') lines.push(text);
    const bytes = members[i + 1].value - value;
    const field = key.toLowerCase();
    const number = [1, 2, 4, 8].includes(bytes) && value % bytes === 0 && !/BUILD|NAME/.test(key);
    lines.push(number ? `    uint${bytes * 8}_t ${field};` : `    uint8_t ${field}[${bytes}];`);
    asserts.push(`_Static_assert(offsetof(struct ${name}, ${field}) == ${value}, "${name}.${field}");`);
  });
  lines.push(
    '};',
    ...asserts,
    `_Static_assert(sizeof(struct ${name}) == ${members.at(-1).value}, "${name}");`,
  );
  return lines.join('\n');
}

function enumeration(name, members, source) {
  const lines = [`enum ${name} {`];
  for (const { key, value, member } of members) {
    const text = comment(member, source, '    ');
    if (text !== '') lines.push(text);
    lines.push(`    ${name.toUpperCase()}_${key} = ${value},`);
  }
  return [...lines, '};'].join('\n');
}

/** The header of assembly/abi/NAME.ts. */
export function header(name = 'link') {
  const text = readFileSync(abi(name), 'utf8');
  const source = ts.createSourceFile(abi(name), text, ts.ScriptTarget.Latest, true);
  const parts = [
    `/* Made of assembly/abi/${name}.ts by firmware/link/generate.mjs. Not written by hand. */`,
    '#pragma once\n#include <stddef.h>\n#include <stdint.h>',
  ];
  for (const node of source.statements) {
    const lead = comment(node, source, '');
    if (ts.isVariableStatement(node)) {
      const [{ name, initializer }] = node.declarationList.declarations;
      const define = `#define ${name.getText()} ${initializer.getText().replaceAll('_', '')}u`;
      parts.push(node === source.statements[0] || lead === '' ? define : `${lead}\n${define}`);
    } else if (ts.isEnumDeclaration(node)) {
      const members = node.members.map((member) => ({
        key: member.name.getText(),
        value: Number(member.initializer.getText()),
        member,
      }));
      const make = members.at(-1).key === 'SIZE' ? struct : enumeration;
      const made = make(snake(node.name.text), members, source);
      parts.push(lead === '' ? made : `${lead}\n${made}`);
    }
  }
  return `${parts.join('\n\n')}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const made = header();
  if (!process.argv.includes('--check')) writeFileSync(HEADER, made);
  else if (readFileSync(HEADER, 'utf8') !== made) {
    process.stderr.write(
      'link_abi.h is not what assembly/abi/link.ts gives: run node firmware/link/generate.mjs\n',
    );
    process.exitCode = 1;
  }
}
