/** What `ww usb` prints, as objects for --json and as text. */
import type { ConfigurationInfo, InterfaceInfo } from '../drivers/usb/descriptors.js';
import type { UsbProbe } from '../drivers/usb/families.js';
import { type UsbAccessProblem, usbId, type UsbOwner } from '../drivers/usb/transport.js';
import { enxName } from '../drivers/usb/usb_spec.js';
import type { FrameResult } from './usb_frames.js';

export interface UsbLine {
  readonly path: string;
  readonly id: string;
  readonly manufacturer: string | undefined;
  readonly product: string | undefined;
  readonly serial: string | undefined;
  readonly speedMbps: number | undefined;
  /** As udev names it; known while a driver of the system has it. */
  readonly name: string | undefined;
  readonly drivers: readonly {
    readonly name: string;
    readonly configuration: number;
    readonly interface: number;
  }[];
  readonly owners: readonly UsbOwner[];
  /** Nobody works with it. */
  readonly free: boolean;
  readonly access: UsbAccessProblem | null;
  readonly faults: readonly string[];
}

export async function describeDevice({ device, matches, faults }: UsbProbe): Promise<UsbLine> {
  const { path, speedMbps } = device;
  const strings = await device.strings();
  const owners = device.owners();
  const mac = owners.find((owner) => owner.mac !== undefined)?.mac;
  return {
    path,
    id: usbId(device),
    manufacturer: printable(strings.manufacturer),
    product: printable(strings.product),
    serial: printable(strings.serial),
    speedMbps,
    name: mac === undefined ? undefined : enxName(mac),
    drivers: matches
      .filter(({ family }) => family.rank >= 0)
      .map(({ family, configuration, interface: number }) => ({
        name: family.name,
        configuration: configuration.value,
        interface: number,
      })),
    owners,
    free: !owners.some(({ inUse, driver }) => inUse === true || driver === 'usbfs'),
    access: device.accessProblem() ?? null,
    faults,
  };
}

/** What a device calls itself must not reach the terminal as it is. */
function printable(text: string | undefined): string | undefined {
  return text?.replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '·').trim();
}

export function listText(lines: readonly UsbLine[], plugged: number): string {
  if (lines.length === 0) {
    const others =
      plugged === 0
        ? 'no USB device is plugged in'
        : `${plugged} USB devices, none of them an Ethernet adapter`;
    return `${others}\n`;
  }
  return `${lines.map((line) => lineText(line).join('\n')).join('\n\n')}\n`;
}

function lineText(line: UsbLine): string[] {
  const { path, id, manufacturer, product, serial, speedMbps, name, drivers, owners, access, faults } = line;
  const who = [manufacturer, product].filter((word) => word !== undefined).join(' ');
  const text = [
    `usb:${id}  at ${path}${speedMbps === undefined ? '' : `, ${speedMbps} Mbit/s`}  ${who}`.trimEnd(),
  ];
  if (serial !== undefined) text.push(`  serial   usb:${serial}`);
  if (name !== undefined) text.push(`  name     ${name}`);
  for (const [i, driver] of drivers.entries())
    text.push(
      `  ${i === 0 ? 'driver ' : 'or     '}  ${driver.name}, configuration ${driver.configuration}, interface ${driver.interface}`,
    );
  if (drivers.length === 0) text.push('  driver   none');
  text.push(`  free     ${freeText(owners)}`);
  for (const fault of faults) text.push(`  broken   ${fault}`);
  if (access === null) text.push('  access   yes');
  else
    text.push(
      `  access   no: ${access.what}; to change that:`,
      ...access.remedy.map((command) => `    ${command}`),
    );
  return text;
}

function freeText(owners: readonly UsbOwner[]): string {
  const used = owners.find(({ inUse }) => inUse === true);
  if (used !== undefined)
    return `no: the system works with it (${used.driver}, ${used.netdev} has addresses)`;
  if (owners.some(({ driver }) => driver === 'usbfs')) return 'no: a program has it';
  const [first] = owners;
  if (first === undefined) return 'yes';
  const netdev = owners.find((owner) => owner.netdev !== undefined)?.netdev;
  return `yes; ${first.driver} of the system has it${netdev === undefined ? '' : ` as ${netdev}`} and gives it up`;
}

const hex = (n: number, digits: number) => `0x${n.toString(16).padStart(digits, '0')}`;

interface UsbDetail extends UsbLine {
  readonly usb: string;
  readonly configurations: readonly object[];
}

export function describeUsb({ info, configurations }: UsbProbe, line: UsbLine): UsbDetail {
  const bcd = info?.bcdUSB ?? 0;
  return {
    ...line,
    usb: `${bcd >> 8}.${(bcd >> 4) & 15}`,
    configurations: configurations.map(describeConfiguration),
  };
}

function describeConfiguration({
  value,
  selfPowered,
  remoteWakeup,
  maxPower,
  interfaces,
  odd,
}: ConfigurationInfo): object {
  return { value, selfPowered, remoteWakeup, maxPower, interfaces: interfaces.map(describeInterface), odd };
}

function describeInterface(one: InterfaceInfo): object {
  const { number, alternate, interfaceClass, interfaceSubClass, interfaceProtocol, endpoints, extra } = one;
  return {
    number,
    alternate,
    class: [interfaceClass, interfaceSubClass, interfaceProtocol].map((n) => hex(n, 2)).join('/'),
    endpoints: endpoints.map(({ address, type, maxPacketSize, interval }) => ({
      address: hex(address, 2),
      type,
      maxPacketSize,
      interval,
    })),
    extra: extra.map((record) => Buffer.from(record).toString('hex')),
  };
}

/** An object as lines, what is inside of it further to the right. */
export function infoText(value: object, indent = ''): string {
  return Object.entries(value)
    .filter(([, one]) => one !== undefined && !(Array.isArray(one) && one.length === 0))
    .map(([key, one]) => {
      if (Array.isArray(one) && typeof one[0] === 'object')
        return one.map((each: object) => `${indent}${key}\n${infoText(each, `${indent}  `)}`).join('');
      if (Array.isArray(one)) return `${indent}${key}  ${one.join(', ')}\n`;
      if (typeof one === 'object' && one !== null)
        return `${indent}${key}\n${infoText(one as object, `${indent}  `)}`;
      return `${indent}${key}  ${String(one)}\n`;
    })
    .join('');
}

export function frameTestText({ ok, results }: { ok: boolean; results: readonly FrameResult[] }): string {
  const lines = results.map(({ from, to, sent, received, damaged, outOfOrder, sizesLost, mbps }) => {
    const bad = [
      received < sent ? `${sent - received} lost (of ${sizesLost.join(', ')} bytes)` : '',
      damaged > 0 ? `${damaged} damaged` : '',
      outOfOrder > 0 ? `${outOfOrder} out of order` : '',
    ].filter((text) => text !== '');
    return `${from} to ${to}: ${received} of ${sent} frames, ${mbps} Mbit/s${bad.length > 0 ? `; ${bad.join(', ')}` : ''}\n`;
  });
  return `${lines.join('')}${ok ? 'ok' : 'FAILED'}\n`;
}
