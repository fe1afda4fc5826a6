import { Net } from '../net/net';
export function ipv4SysctlDefaults(net: Net): void {}
