/** What boards say (assembly/abi/link), as objects. A payload that is too short for its kind gives undefined. */
import {
  LINK_MAGIC,
  LinkBoot,
  LinkBootReason,
  LinkCounter,
  LinkPort,
  LinkPortCounter,
  LinkTrap,
  LinkTrapKind,
  LinkWelcome,
} from '../../../assembly/abi/link.js';

export interface BoardInfo {
  readonly name: string;
  /** Beginning of the SHA-256 of what the image was made of. */
  readonly build: string;
  readonly bootId: number;
  readonly xlen: number;
  readonly ports: number;
  readonly mode: number;
  readonly caps: number;
  readonly version: number;
  readonly nonce: number;
  readonly window: number;
  readonly uptimeS: number;
  /** FRAMEs of all sessions since its start: put on the line, received, known to be lost. */
  readonly framesSent: number;
  readonly framesReceived: number;
  readonly framesLost: number;
}

export interface BoardBoot {
  readonly name: string;
  readonly build: string;
  readonly bootId: number;
  readonly xlen: number;
  readonly starts: number;
  readonly reason: 'power' | 'asked' | 'trap' | 'watchdog';
}

export interface BoardTrap {
  readonly kind: 'trap' | 'watchdog' | 'core';
  readonly bootId: number;
  /** mcause, or wasm2c's number; hexadecimal as are the addresses. */
  readonly cause: string;
  readonly what: string;
  readonly pc: string;
  readonly address: string;
  readonly ra: string;
  readonly sp: string;
}

export interface BoardPort {
  readonly port: number;
  readonly up: boolean;
  readonly mtu: number;
  readonly mac: string;
  readonly speedMbps: number;
}

/** RISC-V privileged architecture, mcause. */
const CAUSES = [
  'instruction address misaligned',
  'instruction access fault',
  'illegal instruction',
  'breakpoint',
  'load address misaligned',
  'load access fault',
  'store address misaligned',
  'store access fault',
];
const REASONS: Record<number, BoardBoot['reason']> = {
  [LinkBootReason.POWER]: 'power',
  [LinkBootReason.ASKED]: 'asked',
  [LinkBootReason.TRAP]: 'trap',
  [LinkBootReason.WATCHDOG]: 'watchdog',
};
const KINDS: Record<number, BoardTrap['kind']> = {
  [LinkTrapKind.MACHINE]: 'trap',
  [LinkTrapKind.WATCHDOG]: 'watchdog',
  [LinkTrapKind.CORE]: 'core',
};

const BUILD_BYTES = 8;
const NAME_BYTES = 16;
const MAC_BYTES = 6;

const textAt = (p: Buffer, at: number): string =>
  p.toString('latin1', at, at + NAME_BYTES).replace(/\0.*$/s, '');
const buildAt = (p: Buffer, at: number): string => p.toString('hex', at, at + BUILD_BYTES);
const wordAt = (p: Buffer, at: number): string => `0x${p.readBigUInt64LE(at).toString(16)}`;

export function parseWelcome(p: Buffer): BoardInfo | undefined {
  if (p.length < LinkWelcome.SIZE || p.readUInt32LE(LinkWelcome.MAGIC) !== LINK_MAGIC) return undefined;
  return {
    name: textAt(p, LinkWelcome.NAME),
    build: buildAt(p, LinkWelcome.BUILD),
    bootId: p.readUInt32LE(LinkWelcome.BOOT_ID),
    xlen: p[LinkWelcome.XLEN]!,
    ports: p[LinkWelcome.PORTS]!,
    mode: p[LinkWelcome.MODE]!,
    caps: p.readUInt32LE(LinkWelcome.CAPS),
    version: p[LinkWelcome.VERSION]!,
    nonce: p.readUInt32LE(LinkWelcome.NONCE),
    window: p.readUInt32LE(LinkWelcome.WINDOW),
    uptimeS: Number(p.readBigUInt64LE(LinkWelcome.UPTIME) / 1000000n) / 1000,
    framesSent: p.readUInt32LE(LinkWelcome.FRAMES_SENT),
    framesReceived: p.readUInt32LE(LinkWelcome.FRAMES_RECEIVED),
    framesLost: p.readUInt32LE(LinkWelcome.FRAMES_LOST),
  };
}

export function parseBoot(p: Buffer): BoardBoot | undefined {
  if (p.length < LinkBoot.SIZE || p.readUInt32LE(LinkBoot.MAGIC) !== LINK_MAGIC) return undefined;
  return {
    name: textAt(p, LinkBoot.NAME),
    build: buildAt(p, LinkBoot.BUILD),
    bootId: p.readUInt32LE(LinkBoot.BOOT_ID),
    xlen: p[LinkBoot.XLEN]!,
    starts: p.readUInt32LE(LinkBoot.STARTS),
    reason: REASONS[p[LinkBoot.REASON]!] ?? 'power',
  };
}

export function parseTrap(p: Buffer): BoardTrap | undefined {
  if (p.length < LinkTrap.SIZE) return undefined;
  const kind = KINDS[p.readUInt32LE(LinkTrap.KIND)] ?? 'trap';
  const cause = Number(p.readBigUInt64LE(LinkTrap.CAUSE));
  const what =
    kind === 'trap' ? (CAUSES[cause] ?? `cause ${cause}`) : kind === 'core' ? `core ${cause}` : 'no progress';
  return {
    kind,
    bootId: p.readUInt32LE(LinkTrap.BOOT_ID),
    cause: wordAt(p, LinkTrap.CAUSE),
    what,
    pc: wordAt(p, LinkTrap.PC),
    address: wordAt(p, LinkTrap.ADDRESS),
    ra: wordAt(p, LinkTrap.RA),
    sp: wordAt(p, LinkTrap.SP),
  };
}

export function parsePort(p: Buffer): BoardPort | undefined {
  if (p.length < LinkPort.SIZE) return undefined;
  return {
    port: p[LinkPort.PORT]!,
    up: p[LinkPort.UP] !== 0,
    mtu: p.readUInt16LE(LinkPort.MTU),
    mac: p.toString('hex', LinkPort.MAC, LinkPort.MAC + MAC_BYTES).replace(/..(?!$)/g, '$&:'),
    speedMbps: p.readUInt32LE(LinkPort.SPEED_MBPS),
  };
}

export interface BoardCounters {
  readonly line: Record<string, number>;
  readonly ports: readonly Record<string, number>[];
}

/** Names of a numeric enum, MAX left out, as 'rx_frames'. */
const names = (kind: Record<string, number | string>): string[] =>
  Object.keys(kind)
    .filter((key) => typeof kind[key] === 'number' && key !== 'MAX')
    .map((key) => key.toLowerCase());

const LINE_COUNTERS = names(LinkCounter);
const PORT_COUNTERS = names(LinkPortCounter);

export function parseCounters(p: Buffer): BoardCounters {
  let at = 0;
  const take = (keys: readonly string[]): Record<string, number> => {
    const entries = keys.map((key, i) => [key, Number(p.readBigUInt64LE(at + i * 8))] as const);
    at += keys.length * 8;
    return Object.fromEntries(entries);
  };
  const line = take(LINE_COUNTERS);
  const ports: Record<string, number>[] = [];
  while (at + PORT_COUNTERS.length * 8 <= p.length) ports.push(take(PORT_COUNTERS));
  return { line, ports };
}
