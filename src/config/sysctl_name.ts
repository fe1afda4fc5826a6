/** Whether a configuration may set a sysctl of this name, and what would be right when it may not. */
import { nearest } from './diagnostic.js';
import { DEVICE_SYSCTL, DEVICE_SYSCTLS, GLOBAL_SYSCTLS } from './sysctl_table.js';

interface Mistake {
  readonly message: string;
  readonly hint: string;
}

/** null when the name is one that can be set. `links` are the devices there will be. */
export function whyNotSysctl(name: string, links: readonly string[]): Mistake | null {
  if (GLOBAL_SYSCTLS.includes(name)) return null;
  if (name.includes('/')) {
    return {
      message: `"${name}" is not a sysctl name`,
      hint: `write it with dots: ${name.replaceAll('/', '.')}`,
    };
  }
  const match = DEVICE_SYSCTL.exec(name);
  if (match === null)
    return unknownName(name, [
      ...GLOBAL_SYSCTLS,
      ...Object.keys(DEVICE_SYSCTLS).map((path) => `${path}.DEV.`),
    ]);
  const [, table, device, variable] = match as unknown as [string, string, string, string];
  const devices = [...(table.endsWith('neigh') ? [] : ['all']), 'default', 'lo', ...links];
  if (!devices.includes(device)) {
    const near = nearest(device, devices);
    return {
      message: `sysctl "${name}" names no link: "${device}"`,
      hint: near ? `did you mean "${table}.${near}.${variable}"?` : `possible here: ${devices.join(', ')}`,
    };
  }
  const names = DEVICE_SYSCTLS[table] ?? [];
  if (names.includes(variable)) return null;
  return unknownName(
    name,
    names.map((known) => `${table}.${device}.${known}`),
  );
}

function unknownName(name: string, known: readonly string[]): Mistake {
  const near = nearest(name, known);
  return {
    message: `unknown sysctl "${name}"`,
    hint: near ? `did you mean "${near}"?` : 'write a name of Linux, for example net.ipv4.ip_forward',
  };
}
