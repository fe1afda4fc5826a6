/**
 * The router of a test: what the file says, and what makes a short file enough. Interfaces are those that the file, the rules and
 * the tests name, else lan0 and wan0; without addresses in the file each gets one of its own that is on no network (192.0.2.N/32,
 * 2001:db8:ff::N/128). It is written as the netplan file that it stands for, and read as every other.
 */
import { inPrefix, parseCidr, parseIp } from '../../config/ip_address.js';
import type { RouterConfig } from '../../config/router_config.js';
import { readRouterConfig } from '../../config/netplan.js';
import { NetError } from '../../net_error.js';
import type { InterfaceLine, RouteLine, SuiteFile } from './test_file.js';

export interface SuiteRouter {
  readonly config: RouterConfig;
  /** Ports, in order. */
  readonly interfaces: readonly string[];
  /** The ports are those of a bridge. */
  readonly bridged: boolean;
}

const two = (value: number): string => value.toString(16).padStart(2, '0');

/** Of the router, and of whoever is behind the interface. */
export const ownMac = (index: number): string => `02:00:00:00:${two(index + 1)}:01`;
export const peerMac = (index: number): string => `02:00:00:00:${two(index + 1)}:02`;

/** `named`: by rules and tests. `bridge`: the ruleset has tables of the bridge family. */
export function suiteRouter(
  suite: Pick<SuiteFile, 'file' | 'interfaces' | 'routes' | 'sysctls'>,
  named: readonly string[],
  bridge: boolean,
): SuiteRouter {
  const declared = new Map(suite.interfaces.map((line) => [line.name, line]));
  const names = [...new Set([...declared.keys(), ...named])].filter((name) => name !== 'br0' || !bridge);
  for (const usual of ['lan0', 'wan0']) if (names.length < 2 && !names.includes(usual)) names.push(usual);
  if (names.length > 250) throw new NetError('EINVAL', `${names.length} interfaces; 250 are the most`);
  const bridged = bridge && suite.interfaces.length === 0;
  const lines = names.map((name, index): InterfaceLine => {
    const line = declared.get(name);
    if (line !== undefined || declared.size > 0 || bridged) return line ?? { name, addresses: [] };
    return { name, addresses: [`192.0.2.${index + 1}/32`, `2001:db8:ff::${(index + 1).toString(16)}/128`] };
  });
  const routes = suite.routes.map((route) => ({ ...route, dev: route.dev ?? deviceOf(route, lines) }));
  const yaml = ['network:', '  version: 2', '  ethernets:'];
  for (const [index, { name, addresses }] of lines.entries()) {
    yaml.push(`    ${quote(name)}: {macaddress: "${ownMac(index)}", link-local: [], accept-ra: false`);
    if (addresses.length > 0) yaml.push(`      , addresses: [${addresses.map(quote).join(', ')}]`);
    const own = routes.filter(({ dev }) => dev === name);
    if (own.length > 0) yaml.push(`      , routes: [${own.map(routeYaml).join(', ')}]`);
    yaml.push('      }');
  }
  if (bridged) {
    yaml.push(
      '  bridges:',
      `    br0: {interfaces: [${names.map(quote).join(', ')}], link-local: [], accept-ra: false,`,
    );
    yaml.push('      addresses: [192.0.2.254/24], parameters: {stp: false, forward-delay: 0}}');
  }
  yaml.push(`ports: {${names.map((name, index) => `${quote(name)}: "tap:p${index}"`).join(', ')}}`);
  if (suite.sysctls.length > 0)
    yaml.push('sysctls:', ...suite.sysctls.map(([name, value]) => `  ${name}: ${value}`));
  const result = readRouterConfig(`${yaml.join('\n')}\n`, suite.file);
  if (result.kind === 'wrong') {
    const { message, hint } = result.errors[0]!;
    throw new NetError('EINVAL', `${suite.file}: ${message} (${hint})`);
  }
  return { config: result.config, interfaces: names, bridged };
}

const quote = (text: string): string => JSON.stringify(text);

function routeYaml({ to, via }: RouteLine): string {
  const six = (via ?? to).includes(':');
  const network = to === 'default' ? (six ? '::/0' : 'default') : to;
  return via === undefined
    ? `{to: ${quote(network)}, scope: link}`
    : `{to: ${quote(network)}, via: ${quote(via)}, on-link: true}`;
}

/** The interface on whose network the gateway is. */
function deviceOf({ to, via = '' }: RouteLine, lines: readonly InterfaceLine[]): string {
  const bits = (address: string) => address.split('/')[1];
  const found = lines.find(({ addresses }) =>
    addresses.some((address) => bits(address) !== undefined && onNetwork(via, address)),
  );
  const device = found?.name;
  if (device === undefined)
    throw new NetError(
      'ENETUNREACH',
      `route ${to} via ${via}: no interface has this network; add "dev NAME"`,
    );
  return device;
}

function onNetwork(address: string, cidr: string): boolean {
  const network = parseCidr(cidr);
  const ip = parseIp(address);
  if (network === null || ip === null || ip.family !== network.family) return false;
  return inPrefix(ip.bytes, network.address, network.prefix);
}
