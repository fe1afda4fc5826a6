/** `ww usb`: USB Ethernet adapters. What the subcommands do is in usb_run.ts. */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { MakeCommand } from './command_line.js';
import type { UsbOptions } from './usb_run.js';

const DEVICE =
  'auto, VENDOR:PRODUCT, a serial number, a place as 1-2.3, or enxMAC; with @2 or @cdc_ncm only so';

const HELP = `
Examples:
  ww usb list                              what is plugged in, and what is missing to use it
  ww usb info 0b95:1790                    descriptors, address, link, counters
  ww usb test auto --peer packet:eth1      an adapter that a cable joins to eth1
In router.yaml the port is usb:DEVICE, by the same words.`;

export const makeUsbCommand: MakeCommand = (report) => {
  const usb = new Command('usb')
    .description('USB Ethernet adapters: find, ask, test')
    .addHelpText('after', HELP);
  const add = (name: string, summary: string): Command => {
    const command = new Command(name).description(summary).option('--json', 'print JSON');
    usb.addCommand(command);
    return command;
  };
  const run = async (name: 'list' | 'info' | 'test', options: UsbOptions, device = ''): Promise<void> => {
    const { runUsb } = await import('./usb_run.js');
    report(await runUsb(name, options, device));
  };
  add('list', 'adapters that are plugged in, their drivers, who has them, what is missing')
    .option('--all', 'other USB devices, too')
    .action((options: UsbOptions) => run('list', options));
  add('info', 'descriptors, address, link and counters')
    .argument('<device>', DEVICE)
    .option('--no-open', 'only what is known without taking the device')
    .action((device: string, options: UsbOptions) => run('info', options, device));
  add('test', 'frames out and back: by a loopback plug, or to a peer')
    .argument('<device>', DEVICE)
    .addOption(
      new Option('--peer <port>', 'where the frames arrive, as a port of router.yaml: packet:eth1, usb:...'),
    )
    .addOption(new Option('--count <frames>', 'of each size').argParser(parseCount).default(100))
    .action((device: string, options: UsbOptions) => run('test', options, device));
  return usb;
};

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text))
    throw new InvalidArgumentError('Give a number of frames, from 1 to 9999999.');
  return Number(text);
}
