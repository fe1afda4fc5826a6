/**
 * USB devices made by Linux's gadget stack: a device side that nobody here wrote, on a controller of dummy_hcd, whose host
 * side is in the same kernel.
 *
 *   interface usb0 ── usb_f_ncm ── dummy_udc.0 ═══ dummy_hcd.0 ── bus 2, device '2-1' ── cdc_ncm, or our driver
 *
 * Described in configfs: a gadget is a folder, its functions are folders in there, and it is plugged in by writing a
 * controller's name to UDC (Linux: Documentation/usb/gadget_configfs.rst).
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { findDevice, until } from './sysfs.js';

const CONFIGFS = '/sys/kernel/config/usb_gadget';
/** The Linux Foundation's, for gadgets. */
export const GADGET_VENDOR = '1d6b';

export const ETHERNET_CLASSES = ['ncm', 'ecm', 'eem', 'rndis'] as const;
export type EthernetClass = (typeof ETHERNET_CLASSES)[number];
export type GadgetClass = EthernetClass | 'acm';

export interface GadgetOptions {
  readonly kind: GadgetClass;
  /** Of dummy_hcd: 0 to 3. */
  readonly controller?: number;
  /** '0104'. */
  readonly product?: string;
  readonly serial?: string;
  /** Of the interface on the device side; of the adapter as it tells it to the host. */
  readonly deviceMac?: string;
  readonly hostMac?: string;
  /** Attributes of the function: qmult and the like. */
  readonly attributes?: Readonly<Record<string, string>>;
}

function write(folder: string, values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) writeFileSync(join(folder, name), value);
}

export class Gadget {
  readonly id: string;
  readonly serial: string;
  readonly controller: number;
  private readonly folder: string;
  private readonly functionFolder: string;
  private bound = false;

  constructor(readonly options: GadgetOptions) {
    removeStale();
    const { kind, controller = 0, product = '0104', deviceMac, hostMac } = options;
    const name = `ww-${process.pid}-${controller}`;
    this.controller = controller;
    this.id = `${GADGET_VENDOR}:${product}`;
    this.serial = options.serial ?? name;
    this.folder = join(CONFIGFS, name);
    this.functionFolder = join(this.folder, `functions/${kind}.0`);
    mkdirSync(this.folder);
    write(this.folder, { idVendor: `0x${GADGET_VENDOR}`, idProduct: `0x${product}` });
    for (const sub of ['strings/0x409', 'configs/c.1', 'configs/c.1/strings/0x409', `functions/${kind}.0`]) {
      mkdirSync(join(this.folder, sub));
    }
    write(join(this.folder, 'strings/0x409'), {
      manufacturer: 'Wirewright',
      product: `gadget ${kind}`,
      serialnumber: this.serial,
    });
    write(join(this.folder, 'configs/c.1/strings/0x409'), { configuration: kind });
    write(this.functionFolder, {
      ...(deviceMac !== undefined && { dev_addr: deviceMac }),
      ...(hostMac !== undefined && { host_addr: hostMac }),
      ...options.attributes,
    });
    symlinkSync(this.functionFolder, join(this.folder, `configs/c.1/${kind}.0`));
  }

  /** Plugs it in; resolves with the device ('2-1') when the host has found it. */
  async plug(): Promise<string> {
    this.plugNow();
    return until(`gadget ${this.options.kind} on the bus`, () => this.device);
  }

  plugNow(): void {
    writeFileSync(join(this.folder, 'UDC'), `dummy_udc.${this.controller}`);
    this.bound = true;
  }

  /** Pulls it out. */
  unplug(): void {
    if (this.bound) writeFileSync(join(this.folder, 'UDC'), '\n');
    this.bound = false;
  }

  get device(): string | undefined {
    return findDevice({ id: this.id, serial: this.serial });
  }

  /** The interface on the device side; it stays while the gadget is unplugged, from its first time on. */
  get ifname(): string {
    return readFileSync(join(this.functionFolder, 'ifname'), 'utf8').trim();
  }

  /** Gives the device side's interface to a network namespace, under another name. */
  moveTo(netns: string, name: string): void {
    execFileSync('ip', ['link', 'set', this.ifname, 'netns', netns, 'name', name], { stdio: 'pipe' });
  }

  remove(): void {
    removeGadget(this.folder);
  }
}

function names(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
    .map(({ name }) => join(folder, name));
}

function removeGadget(folder: string): void {
  if (readFileSync(join(folder, 'UDC'), 'utf8').trim() !== '') writeFileSync(join(folder, 'UDC'), '\n');
  for (const configuration of names(join(folder, 'configs'))) {
    for (const link of names(configuration).filter((name) => lstatSync(name).isSymbolicLink())) {
      unlinkSync(link);
    }
    for (const language of names(join(configuration, 'strings'))) rmdirSync(language);
    rmdirSync(configuration);
  }
  for (const sub of ['functions', 'strings']) {
    for (const name of names(join(folder, sub))) rmdirSync(name);
  }
  rmdirSync(folder);
}

/** What a process made that has ended. */
function removeStale(): void {
  for (const name of readdirSync(CONFIGFS)) {
    const pid = /^ww-(\d+)-\d+$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) removeGadget(join(CONFIGFS, name));
  }
}
