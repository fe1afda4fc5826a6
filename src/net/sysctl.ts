/** Where the core keeps a sysctl of Linux's (assembly/abi/sysctl.ts). */
import { SysctlGroup } from '../../assembly/abi/request.js';
import { DEVICE_SYSCTL, DEVICE_SYSCTLS, GLOBAL_SYSCTLS, NEIGH_SCALES } from '../config/sysctl_table.js';

export interface SysctlPlace {
  group: SysctlGroup;
  id: number;
  /** Device name, `all`, `default`, or undefined for a setting of the namespace. */
  device?: string | undefined;
  /** The core's unit is this many of Linux's. */
  scale: number;
}

const GROUPS: Record<string, SysctlGroup> = {
  'net.ipv4.conf': SysctlGroup.CONF4,
  'net.ipv6.conf': SysctlGroup.CONF6,
  'net.ipv4.neigh': SysctlGroup.NEIGH4,
  'net.ipv6.neigh': SysctlGroup.NEIGH6,
};

/** Where the setting called `name` lives, or null when there is none of that name. */
export function sysctlPlace(name: string): SysctlPlace | null {
  const id = GLOBAL_SYSCTLS.indexOf(name);
  if (id >= 0) return { group: SysctlGroup.NET, id, scale: 1 };
  const match = DEVICE_SYSCTL.exec(name);
  if (match === null) return null;
  const [, table, device, last] = match as unknown as [string, string, string, string];
  const index = DEVICE_SYSCTLS[table]!.indexOf(last);
  if (index < 0) return null;
  const group = GROUPS[table]!;
  const neigh = group === SysctlGroup.NEIGH4 || group === SysctlGroup.NEIGH6;
  return { group, id: index, device, scale: neigh ? NEIGH_SCALES[index]! : 1 };
}
