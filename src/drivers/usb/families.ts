/** The drivers that there are, and which of them fit a device. */
import { type ConfigurationInfo, type DeviceInfo, parseConfiguration, parseDevice } from './descriptors.js';
import { cdcEem } from './cdc_eem.js';
import { cdcEther } from './cdc_ether.js';
import { cdcNcm, cdcNcm32 } from './cdc_ncm.js';
import { rndisHost } from './rndis_host.js';
import type { UsbDevice } from './transport.js';
import type { UsbNetFamily, UsbNetMatch } from './usb_net_driver.js';

export const USB_NET_FAMILIES: readonly UsbNetFamily[] = [cdcNcm, cdcEther, cdcEem, rndisHost, cdcNcm32];

export interface UsbProbe {
  readonly device: UsbDevice;
  /** null when the descriptor is broken. */
  readonly info: DeviceInfo | null;
  /** Those that are not broken. */
  readonly configurations: readonly ConfigurationInfo[];
  /** What is broken, each a sentence. */
  readonly faults: readonly string[];
  /** What could be driven, the best first. */
  readonly matches: readonly UsbNetMatch[];
}

/** Looks at descriptors only. Never throws: what is broken is in `faults`. */
export function probe(device: UsbDevice, families: readonly UsbNetFamily[] = USB_NET_FAMILIES): UsbProbe {
  const faults: string[] = [];
  const attempt = <T>(work: () => T): T | null => {
    try {
      return work();
    } catch (error) {
      faults.push(error instanceof Error ? error.message : String(error));
      return null;
    }
  };
  const info = attempt(() => parseDevice(device.descriptor));
  const raw = attempt(() => device.configurations) ?? [];
  const configurations = raw.flatMap((bytes) => attempt(() => parseConfiguration(bytes)) ?? []);
  const matches =
    info === null
      ? []
      : configurations.flatMap((configuration) =>
          families.flatMap((family) => attempt(() => family.match(info, configuration)) ?? []),
        );
  return {
    device,
    info,
    configurations,
    faults,
    matches: matches.toSorted((a, b) => b.family.rank - a.family.rank),
  };
}
