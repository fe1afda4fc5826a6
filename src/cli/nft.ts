/** `ww nft`: rulesets in nft's own language. The options are those of nft(8); what they do is in nft_run.ts. */
import { Command } from 'commander';
import { EXIT_WRONG_USE, type MakeCommand } from './command_line.js';
import { makeNftCaptureCommand } from './nft_capture.js';
import { makeNftExplainCommand } from './nft_explain.js';
import { makeNftTestCommand } from './nft_test.js';
import type { NftOptions } from './nft_run.js';

const collect = (value: string, before: readonly string[]) => [...before, value];

export const makeNftCommand: MakeCommand = (report) =>
  new Command('nft')
    .usage(
      "[options] [-f FILE | -i | 'command'] | explain [-f FILE] | test RULES.nft TESTS.yaml | run RULES.nft --in PORT=FILE",
    )
    .description('packet filtering and classification rules, in the language of nft(8)')
    .argument(
      '[command...]',
      "a command of nft: 'add rule ip filter input tcp dport 22 accept', list ruleset",
    )
    .option('-f, --file <file>', 'read commands from a file; - is standard input')
    .option('-c, --check', 'check the commands and compile them; needs no running router and no privilege')
    .option('-i, --interactive', 'read commands line by line; quit ends')
    .option(
      '-I, --includepath <directory>',
      'look for included files here; may be given several times',
      collect,
      [],
    )
    .option('-D, --define <name=value>', 'define a variable; may be given several times', collect, [])
    .option(
      '-d, --debug <level>',
      'netlink: print the instructions of every rule and the elements of every set',
    )
    .option('--pid <pid>', 'of several running routers, this one')
    .option('-j, --json', "read and print libnftables' JSON")
    .option(
      '-e, --echo',
      'print what was added, inserted or replaced, as the router has it; with -a its handles',
    )
    .option('-o, --optimize', 'refused: rules are not merged')
    .option('-a, --handle', 'print handles')
    .option('-s, --stateless', 'leave out counts and times left')
    .option('-t, --terse', 'leave out the elements of sets')
    .option('-y, --numeric-priority', 'print the priorities of chains as numbers')
    .option('-n, --numeric', 'print numbers only')
    .addHelpText(
      'after',
      `
Examples:
  ww nft -c -f firewall.nft                   is it right?
  ww nft -c --debug=netlink -f firewall.nft   what nf_tables would be told
  ww nft -c -f firewall.nft list ruleset      as a listing prints it; with -j as JSON
  ww nft test firewall.nft tests.yaml         does it do what the tests say?
  ww nft run firewall.nft --in lan0=a.pcapng  what becomes of each packet, and which rule decides
  ww nft explain                              what a running router made of its chains
`,
    )
    .addCommand(makeNftTestCommand(report))
    .addCommand(makeNftCaptureCommand(report))
    .addCommand(makeNftExplainCommand(report))
    .action(async (words: string[], options: NftOptions, command: Command) => {
      if (options.file === undefined && !options.interactive && words.length === 0) {
        command.outputHelp({ error: true });
        report(EXIT_WRONG_USE);
        return;
      }
      const { runNft } = await import('./nft_run.js');
      report(await runNft(words, options));
    });
