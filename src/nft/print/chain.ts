/** Chains as text. */
import type { Chain, Rule } from '../ast.js';
import type { PrintOptions } from './options.js';
import { priorityText } from './priority.js';
import { handleText, rulesText } from './statement.js';

function devicesText(devices: readonly string[]): string {
  if (devices.length === 1) return ` device "${devices[0]}"`;
  return ` devices = { ${devices.map((name) => `"${name}"`).join(', ')} }`;
}

function hookText(chain: Chain, options: PrintOptions): string {
  const { type, hook, prio, devices, policy, family } = chain;
  if (type === undefined || hook === undefined || prio === undefined) return '';
  const on = devices?.length ? devicesText(devices) : '';
  const priority = priorityText(prio, family, hook, options.numericPriority ?? false);
  const flags = chain.flags?.length ? ` flags ${chain.flags.join(',')};` : '';
  return `\t\ttype ${type} hook ${hook}${on} priority ${priority}; policy ${policy ?? 'accept'};${flags}\n`;
}

export function chainText(chain: Chain, rules: readonly Rule[], options: PrintOptions): string {
  let text = `\tchain ${chain.name} {${handleText(chain.handle, options)}\n`;
  if (chain.comment !== undefined) text += `\t\tcomment "${chain.comment}"\n`;
  text += hookText(chain, options);
  text += rulesText(rules, options, '\t\t');
  return `${text}\t}\n`;
}
