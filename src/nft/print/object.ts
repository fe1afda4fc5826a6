/** Stateful objects and flowtables as text. */
import type { Flowtable, LimitObject, StatefulObject, SynproxyObject } from '../ast.js';
import { handleText } from './statement.js';
import type { PrintOptions } from './options.js';
import { priorityText } from './priority.js';
import { bytesText, timeText } from './time.js';

function limitLine({ rate, per, burst, unit, inv }: LimitObject): string {
  const over = inv ? 'over ' : '';
  if (unit === 'packets') {
    const usual = burst === undefined || Number(burst) === 5;
    return `rate ${over}${rate}/${per}${usual ? '' : ` burst ${burst} packets`}`;
  }
  return `rate ${over}${bytesText(rate)}/${per}${burst && Number(burst) !== 0 ? ` burst ${bytesText(burst)}` : ''}`;
}

function synproxyLines({ mss, wscale, flags }: SynproxyObject): string[] {
  const lines: string[] = [];
  if (mss !== undefined) lines.push(`mss ${mss}`);
  if (wscale !== undefined) lines.push(`wscale ${wscale}`);
  // The blank behind `timestamp` is there alone too.
  if (flags.length > 0) {
    lines.push(
      `${flags.includes('timestamp') ? 'timestamp ' : ''}${flags.includes('sack-perm') ? 'sack-perm' : ''}`,
    );
  }
  return lines;
}

function lines(object: StatefulObject, options: PrintOptions): string[] {
  switch (object.kind) {
    case 'counter':
      return options.stateless ? [] : [`packets ${object.packets ?? 0} bytes ${object.bytes ?? 0}`];
    case 'quota': {
      const used = object.used && !options.stateless ? ` used ${bytesText(object.used)}` : '';
      return [`${object.inv ? 'over ' : ''}${bytesText(object.bytes)}${used}`];
    }
    case 'limit':
      return [limitLine(object)];
    case 'ct helper':
      return [
        `type "${object.type}" protocol ${object.protocol}`,
        `l3proto ${object.l3proto ?? object.family}`,
      ];
    case 'ct timeout': {
      const policy = object.policy.map(({ state, value }) => `${state} : ${value}`).join(', ');
      const head = [`protocol ${object.protocol}`, `l3proto ${object.l3proto ?? object.family}`];
      return policy === '' ? head : [...head, `policy = { ${policy} }`];
    }
    case 'ct expectation':
      return [
        `protocol ${object.protocol}`,
        `dport ${object.dport}`,
        `timeout ${timeText(object.timeoutMs)}`,
        `size ${object.size}`,
        `l3proto ${object.l3proto ?? object.family}`,
      ];
    case 'synproxy':
      return synproxyLines(object);
    case 'secmark':
      return [`"${object.context}"`];
  }
}

export function objectText(object: StatefulObject, options: PrintOptions): string {
  const comment = object.comment === undefined ? [] : [`comment "${object.comment}"`];
  const body = [...comment, ...lines(object, options)].map((line) => `\t\t${line}\n`).join('');
  return `\t${object.kind} ${object.name} {${handleText(object.handle, options)}\n${body}\t}\n`;
}

export function flowtableText(table: Flowtable, options: PrintOptions): string {
  let text = `\tflowtable ${table.name} {${handleText(table.handle, options)}\n`;
  if (table.hook !== undefined && table.prio) {
    // Flowtables have the priorities of netdev chains.
    const priority = priorityText(table.prio, 'netdev', table.hook, options.numericPriority ?? false);
    text += `\t\thook ${table.hook} priority ${priority}\n`;
  }
  if (table.devices?.length) text += `\t\tdevices = { ${table.devices.join(', ')} }\n`;
  if (table.flags?.length) text += `\t\tflags ${table.flags.join(',')}\n`;
  if (table.counter) text += '\t\tcounter\n';
  return `${text}\t}\n`;
}
