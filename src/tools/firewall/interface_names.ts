/** Interfaces that a ruleset names: `iifname "lan0"`, `iif`, devices of chains and flowtables, elements of sets of ifname. */
import type { Command, Expression, RulesetObject, Statement } from '../../nft/ast.js';
import { flatten } from '../../nft/print/ruleset.js';

const IS_NAME = /^[A-Za-z][\w.-]{0,14}$/;
const KEYS = new Set(['iif', 'iifname', 'oif', 'oifname', 'ibrname', 'obrname', 'sdifname']);

export function interfaceNames(commands: readonly Command[]): string[] {
  const found = new Set<string>();
  const add = (name: string) => {
    if (IS_NAME.test(name) && name !== 'lo') found.add(name);
  };
  for (const command of commands) {
    if (!('object' in command) || command.object === undefined) continue;
    for (const object of flatten([command.object as RulesetObject])) namesOf(object, add);
  }
  return [...found];
}

function namesOf(object: RulesetObject, add: (name: string) => void): void {
  if ('devices' in object) for (const name of object.devices ?? []) add(name);
  if (object.kind === 'rule') for (const statement of object.expr) inStatement(statement, add);
  if ((object.kind === 'set' || object.kind === 'map') && object.type !== undefined) {
    const { type } = object;
    const parts = type.kind === 'type' ? type.names.map((name) => name === 'ifname') : isDevice(type.expr);
    for (const { key } of object.elem ?? []) byParts(key, parts, add);
  }
}

const isDevice = (expr: Expression): boolean[] =>
  (expr.kind === 'concat' ? expr.items : [expr]).map((item) => item.kind === 'meta' && KEYS.has(item.key));

function inStatement(statement: Statement, add: (name: string) => void): void {
  if (statement.kind === 'match') byParts(statement.right, isDevice(statement.left), add);
  if (statement.kind === 'vmap') byParts(statement.data, isDevice(statement.key), add);
  if (statement.kind === 'fwd') byParts(statement.dev, [true], add);
  if (statement.kind === 'dup' && statement.dev !== undefined) byParts(statement.dev, [true], add);
}

function byParts(value: Expression, parts: readonly boolean[], add: (name: string) => void): void {
  if (!parts.includes(true)) return;
  switch (value.kind) {
    case 'symbol':
      if (parts[0]) add(value.name);
      return;
    case 'set':
      for (const { key } of value.elem) byParts(key, parts, add);
      return;
    case 'list':
      for (const item of value.items) byParts(item, parts, add);
      return;
    case 'concat':
      for (const [at, item] of value.items.entries()) byParts(item, [parts[at] ?? false], add);
      return;
    default:
  }
}
