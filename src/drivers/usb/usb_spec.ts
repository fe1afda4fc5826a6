/**
 * USB devices as users write them, behind `usb:`
 *
 *   auto                      the first Ethernet adapter that nobody works with
 *   0b95:1790                 vendor and product, as lsusb and `ww usb list` print them
 *   000050B6A1C2, 1-2.3       the serial number, or the place where it is plugged in
 *   enx0050b6a1c2d3           the MAC address, as udev names it
 *   ...@2, ...@cdc_ncm        only this configuration, or only this driver
 */
import { NetError } from '../../net_error.js';

export type UsbChoice =
  | { readonly kind: 'auto' }
  | { readonly kind: 'id'; readonly vendorId: number; readonly productId: number }
  | { readonly kind: 'mac'; readonly mac: string }
  /** A serial number or a path. */
  | { readonly kind: 'word'; readonly word: string };

export interface UsbSpec {
  readonly choice: UsbChoice;
  readonly configuration?: number;
  readonly driver?: string;
}

const RIGHT = "'usb:0b95:1790' (VENDOR:PRODUCT), 'usb:SERIAL' or 'usb:auto' would be right";

/** Only looks at the words (`rest` is what follows `usb:`). Throws a NetError EINVAL that says what would be right. */
export function parseUsb(rest: string): UsbSpec {
  const at = rest.lastIndexOf('@');
  const word = at < 0 ? rest : rest.slice(0, at);
  const choice = parseChoice(rest, word);
  if (at < 0) return { choice };
  const pick = rest.slice(at + 1);
  if (/^[1-9]\d{0,2}$/.test(pick) && Number(pick) < 256) return { choice, configuration: Number(pick) };
  if (/^[a-z][a-z0-9_]*$/.test(pick)) return { choice, driver: pick };
  throw wrong(
    rest,
    `'${pick}' is neither a configuration nor a driver; 'usb:${word}@2' or 'usb:${word}@cdc_ncm' would be right`,
  );
}

function parseChoice(rest: string, word: string): UsbChoice {
  if (word === '') throw wrong(rest, `no device is named; ${RIGHT}`);
  if (word === 'auto') return { kind: 'auto' };
  if (word.includes(':')) {
    const match = /^([0-9a-fA-F]{4}):([0-9a-fA-F]{4})$/.exec(word);
    if (match === null)
      throw wrong(rest, `'${word}' is not VENDOR:PRODUCT, four hexadecimal digits each; ${RIGHT}`);
    return {
      kind: 'id',
      vendorId: Number.parseInt(match[1]!, 16),
      productId: Number.parseInt(match[2]!, 16),
    };
  }
  const mac = /^enx([0-9a-f]{12})$/.exec(word);
  if (mac !== null) return { kind: 'mac', mac: mac[1]!.match(/../g)!.join(':') };
  if (/\s/.test(word)) throw wrong(rest, `'${word}' has a space in it; ${RIGHT}`);
  return { kind: 'word', word };
}

/** The name that udev gives to a USB network interface (NamePolicy=mac): enx0050b6a1c2d3. */
export function enxName(mac: string): string {
  return `enx${mac.replaceAll(':', '')}`;
}

function wrong(rest: string, what: string): NetError {
  return new NetError('EINVAL', `port 'usb:${rest}': ${what}`);
}
