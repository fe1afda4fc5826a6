/** macvlan links: `ip link add link LOWER name NAME type macvlan mode ...`. */
import {
  MACADDR_SET,
  MACVLAN_FLAG_NODST,
  MACVLAN_FLAG_NOPROMISC,
  MACVLAN_MACADDRS_MAX,
  MACVLAN_MODE_BRIDGE,
  MACVLAN_MODE_PASSTHRU,
  MACVLAN_MODE_PRIVATE,
  MACVLAN_MODE_SOURCE,
  MACVLAN_MODE_VEPA,
  MacvlanData as At,
} from '../../assembly/abi/link_data.js';
import { NetError } from '../net_error.js';
import { getMac, putMac } from './link_name.js';

const MODES = {
  private: MACVLAN_MODE_PRIVATE,
  vepa: MACVLAN_MODE_VEPA,
  bridge: MACVLAN_MODE_BRIDGE,
  passthru: MACVLAN_MODE_PASSTHRU,
  source: MACVLAN_MODE_SOURCE,
} as const;
export type MacvlanMode = keyof typeof MODES;

export interface MacvlanOptions {
  /** Default, as Linux's: vepa. */
  mode?: MacvlanMode;
  /** Source mode: the MACs whose frames it gets, 19 at most; replaces those before. */
  macaddrs?: readonly string[];
  /** Passthru mode: the lower link is not made promiscuous. */
  nopromisc?: boolean;
  /** Source mode: what it gets, nobody else does. */
  nodst?: boolean;
}

export interface MacvlanSpec extends MacvlanOptions {
  kind: 'macvlan';
  /** The lower link. */
  link: { ifindex: number };
}

export interface MacvlanData {
  kind: 'macvlan';
  mode: MacvlanMode;
  macaddrs: string[];
  nopromisc: boolean;
  nodst: boolean;
}

export function putMacvlan(view: DataView, at: number, options: MacvlanOptions): void {
  if (options.mode !== undefined) {
    if (!(options.mode in MODES))
      throw new NetError(
        'EINVAL',
        `macvlan has no mode ${JSON.stringify(options.mode)}: ${Object.keys(MODES).join(', ')}`,
      );
    view.setUint32(at + At.MODE, MODES[options.mode], true);
  }
  let flags = 0;
  let mask = 0;
  for (const [wanted, bit] of [
    [options.nopromisc, MACVLAN_FLAG_NOPROMISC],
    [options.nodst, MACVLAN_FLAG_NODST],
  ] as const) {
    if (wanted === undefined) continue;
    mask |= bit;
    if (wanted) flags |= bit;
  }
  view.setUint16(at + At.FLAGS, flags, true);
  view.setUint16(at + At.FLAGS_MASK, mask, true);
  if (options.macaddrs === undefined) return;
  if (options.macaddrs.length > MACVLAN_MACADDRS_MAX)
    throw new NetError('ENOBUFS', `a macvlan takes ${MACVLAN_MACADDRS_MAX} source MACs at once`);
  view.setUint16(at + At.MACADDR_MODE, MACADDR_SET, true);
  view.setUint16(at + At.MACADDR_COUNT, options.macaddrs.length, true);
  options.macaddrs.forEach((mac, i) => {
    putMac(view, at + At.MACADDRS + i * 6, mac);
  });
}

export function readMacvlan(view: DataView, at: number): MacvlanData {
  const mode = view.getUint32(at + At.MODE, true);
  const flags = view.getUint16(at + At.FLAGS, true);
  const count = Math.min(view.getUint16(at + At.MACADDR_COUNT, true), MACVLAN_MACADDRS_MAX);
  const names = Object.keys(MODES) as MacvlanMode[];
  return {
    kind: 'macvlan',
    mode: names.find((name) => MODES[name] === mode) ?? 'vepa',
    macaddrs: Array.from({ length: count }, (_, i) => getMac(view, at + At.MACADDRS + i * 6)),
    nopromisc: (flags & MACVLAN_FLAG_NOPROMISC) !== 0,
    nodst: (flags & MACVLAN_FLAG_NODST) !== 0,
  };
}
