import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { NetError } from '../net_error.js';
import { runCommandLine } from './command_line.js';

async function run(...args: string[]) {
  let out = '';
  let err = '';
  let loads = 0;
  const output = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
  };
  const load = async () => {
    loads++;
    return (report: (exitCode: number) => void) =>
      new Command('go')
        .argument('[what]')
        .option('--fast', 'quickly')
        .action((what: string | undefined) => {
          if (what === 'wrong') throw new NetError('ENODEV', 'there is no such device');
          if (what === 'bug') throw new TypeError('x is not a function');
          report(what === 'failed' ? 1 : 0);
        });
  };
  const exitCode = await runCommandLine(args, output, [{ name: 'go', summary: 'goes', load }]);
  return { exitCode, out, err, loads };
}

describe('ww', () => {
  it.each([
    [['go'], 0],
    [['go', 'failed'], 1],
    [['go', 'wrong'], 1],
    [['go', 'bug'], 1],
    [['--help'], 0],
    [['help'], 0],
    [['help', 'go'], 0],
    [['go', '--help'], 0],
    [['--version'], 0],
    [[], 2],
    [['goo'], 2],
    [['go', '--fest'], 2],
    [['go', 'a', 'b'], 2],
    [['--nonsense'], 2],
  ])('%j exits with %i', async (args, exitCode) => {
    expect((await run(...args)).exitCode).toBe(exitCode);
  });

  it('says what was meant by an unknown command or option', async () => {
    expect((await run('goo')).err).toContain("unknown command 'goo'\n(Did you mean go?)");
    expect((await run('go', '--fest')).err).toContain("unknown option '--fest'\n(Did you mean --fast?)");
  });

  it('loads a subcommand only when it is wanted', async () => {
    expect((await run('--help')).loads).toBe(0);
    expect((await run('help', 'go')).out).toContain('--fast');
  });

  it('tells an operational error in a line and a bug with its stack', async () => {
    expect((await run('go', 'wrong')).err).toBe('ww: there is no such device\n');
    expect((await run('go', 'bug')).err).toMatch(/^ww: TypeError: x is not a function\n {4}at /);
  });
});
