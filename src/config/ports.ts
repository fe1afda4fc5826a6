/**
 * The section `ports`: where each link gets its frames.
 *
 *   ports:
 *     lan0: tap:ww-lan
 *     wan0: {port: "udp:127.0.0.1:7001-127.0.0.1:7002", capture: wan.pcapng, faults: {loss: 1%, delay: 20ms, seed: 7}}
 */

import type { Placed } from './link_draft.js';
import { readMac } from './mac_value.js';
import { whyNotPort } from './port_spec.js';
import type { FaultConfig, PortConfig } from './router_config.js';
import type { Range, Value, YamlReader } from './yaml_reader.js';

export interface NamedPort {
  readonly link: string;
  readonly at: Range;
  readonly specAt: Range;
  readonly mac?: Placed<Uint8Array>;
  /** null after a mistake in it. */
  readonly port: PortConfig | null;
}

const EXAMPLE = 'write tap:NAME, packet:IFACE, udp:LOCAL-REMOTE or pcap:FILE';

export function readPorts(reader: YamlReader, value: Value): NamedPort[] {
  const entries = reader.entries(value, 'ports', 'write lines such as "lan0: tap:ww-lan"') ?? [];
  return entries.map(({ key, keyAt, value: inner }) => {
    if (reader.isMapping(inner)) return readPortMapping(reader, key, keyAt, inner);
    const spec = readSpec(reader, inner);
    return { link: key, at: keyAt, specAt: inner.at, port: spec === null ? null : { spec, trace: false } };
  });
}

function readSpec(reader: YamlReader, value: Value): string | null {
  const spec = reader.string(value, 'a port', EXAMPLE);
  const wrong = spec === null ? null : whyNotPort(spec);
  if (wrong) reader.error(value.at, wrong.message, wrong.hint);
  return wrong ? null : spec;
}

function readPortMapping(reader: YamlReader, link: string, at: Range, value: Value): NamedPort {
  const read: {
    spec: string | null;
    specAt: Range | null;
    mac: NamedPort['mac'] | null;
    trace: boolean;
    capture: string | null;
    faults: FaultConfig | null;
  } = { spec: null, specAt: null, mac: null, trace: false, capture: null, faults: null };
  const isMapping = reader.fields(value, `port of ${link}`, EXAMPLE, {
    port: (inner) => {
      read.specAt = inner.at;
      read.spec = readSpec(reader, inner);
    },
    mac: (inner) => {
      const bytes = readMac(reader, inner, 'mac');
      if (bytes) read.mac = { value: bytes, at: inner.at };
    },
    trace: (inner) => {
      read.trace = reader.boolean(inner, 'trace') ?? false;
    },
    capture: (inner) => {
      read.capture = reader.string(inner, 'capture', 'write the name of a pcapng file');
    },
    faults: (inner) => {
      read.faults = readFaults(reader, inner, link);
    },
  });
  const { spec, specAt, mac, trace, capture, faults } = read;
  if (isMapping && specAt === null) reader.error(at, `"port" is missing in the port of ${link}`, EXAMPLE);
  return {
    link,
    at,
    specAt: specAt ?? at,
    port:
      spec === null ? null : { spec, trace, ...(capture !== null && { capture }), ...(faults && { faults }) },
    ...(mac && { mac }),
  };
}

function readFaults(reader: YamlReader, value: Value, link: string): FaultConfig {
  const faults: { -readonly [Key in keyof FaultConfig]: FaultConfig[Key] } = {};
  const chance = (key: 'loss' | 'corrupt' | 'duplicate' | 'reorder') => (inner: Value) => {
    const number = readScaled(
      reader,
      inner,
      key,
      { '': 1, '%': 0.01 },
      'write a chance from 0 to 1, or a percentage such as 1%',
    );
    if (number === null) return;
    if (number <= 1) faults[key] = number;
    else
      reader.error(
        inner.at,
        `${key} is more than 1`,
        'write a chance from 0 to 1, or a percentage such as 1%',
      );
  };
  reader.fields(value, `faults of ${link}`, 'write {loss: 1%, delay: 20ms, seed: 7}', {
    loss: chance('loss'),
    corrupt: chance('corrupt'),
    duplicate: chance('duplicate'),
    reorder: chance('reorder'),
    delay: (inner) => {
      const units = { '': 1, us: 0.001, ms: 1, s: 1000 };
      const delayMs = readScaled(
        reader,
        inner,
        'delay',
        units,
        'write milliseconds, or a time such as 500us, 20ms, 1s',
      );
      if (delayMs !== null) faults.delayMs = delayMs;
    },
    rate: (inner) => {
      const units = { '': 1, bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9 };
      const hint = 'write bits per second, or a rate such as 500kbit, 10mbit, 1gbit';
      const rateBps = readScaled(reader, inner, 'rate', units, hint);
      if (rateBps === 0) reader.error(inner.at, 'rate is 0', hint);
      else if (rateBps !== null) faults.rateBps = rateBps;
    },
    seed: (inner) => {
      const seed = reader.integer(inner, 'seed', 0, 2 ** 32 - 1);
      if (seed !== null) faults.seed = seed;
    },
  });
  return faults;
}

/** A number of 0 or more with one of these units, in the unit whose factor is 1. */
function readScaled(
  reader: YamlReader,
  value: Value,
  what: string,
  units: Record<string, number>,
  hint: string,
): number | null {
  const text = reader.string(value, what, hint);
  if (text === null) return null;
  const match = /^(\d+(?:\.\d+)?(?:e-?\d+)?)\s*([a-z%]*)$/i.exec(text);
  const unit = match?.[2]?.toLowerCase() ?? '';
  if (match && Object.hasOwn(units, unit)) return Number(match[1]) * units[unit]!;
  reader.error(value.at, `${what} "${text}" is not understood`, hint);
  return null;
}
