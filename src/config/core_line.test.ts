import { describe, expect, it } from 'vitest';
import { readRouterConfig } from './netplan.js';

const read = (rest: string) =>
  readRouterConfig(
    `network: {version: 2, ethernets: {lan0: {addresses: [192.0.2.1/24]}, wan0: {}}}\n${rest}\n`,
    'router.yaml',
  );
const mistakes = (rest: string): string[] => {
  const result = read(rest);
  return result.kind === 'wrong' ? result.errors.map(({ message, line }) => `${line}: ${message}`) : [];
};

describe('core:', () => {
  it('names the line to the board, and board:N its ports', () => {
    const result = read('core: serial:tcp://192.0.2.9:4001\nports: {lan0: "board:0", wan0: "board:1"}');
    expect(result.kind === 'ok' && result.config).toMatchObject({
      core: 'tcp://192.0.2.9:4001',
      links: [{ port: { spec: 'board:0' } }, { port: { spec: 'board:1' } }],
    });
  });

  it.each([
    ['what is no line', 'core: board:0', "2: core 'board:0' is no serial line"],
    ['a board that is not known', 'core: serial:qemu:virt128', /virt128/],
    ['a port of a board without one', 'ports: {lan0: "board:0"}', /there is none/],
    [
      'a port twice',
      'core: serial:qemu:virt64\nports: {lan0: "board:0", wan0: "board:0"}',
      /the port of lan0 already/,
    ],
    [
      'faults on a port of the board',
      'core: serial:qemu:virt64\nports: {lan0: {port: "board:0", faults: {loss: 1%}}}',
      /faults of lan0 needs its frames in this process/,
    ],
  ])('refuses %s', (_what, rest, message) => {
    expect(mistakes(rest)).toContainEqual(
      typeof message === 'string' ? message : expect.stringMatching(message),
    );
  });
});
