/**
 * Ports as users write them:
 *
 *   tap:NAME                      tap:ww0
 *   packet:IFACE, packet:IFACE@NETNS   packet:eth0   packet:eth0@blue   packet:eth0@/proc/1234/ns/net
 *   udp:LOCAL-REMOTE              udp:127.0.0.1:7001-127.0.0.1:7002   udp:[::1]:0-[fe80::1%eth0]:7002
 *   pcap:FILE, pcap:FILE>OUT      pcap:in.pcapng>out.pcapng
 *   serial:LINE                   serial:/dev/ttyUSB0   serial:tcp://HOST:PORT   serial:qemu:virt64   (serial/serial_spec.ts)
 *   usb:DEVICE                    usb:auto   usb:0b95:1790   usb:SERIAL   usb:enx0050b6a1c2d3     (usb/usb_spec.ts)
 */
import { isIP } from 'node:net';
import { NetError } from '../net_error.js';
import { ifNameProblem } from '../sys/if_tun.js';
import { netnsProblem } from '../sys/netns.js';
import type { Driver } from './driver.js';
import { PacketDriver } from './packet.js';
import { PcapDriver } from './pcap_driver.js';
import { SerialDriver } from './serial/serial_driver.js';
import { parseSerial, type SerialSpec } from './serial/serial_spec.js';
import { TapDriver } from './tap.js';
import { type UdpEndpoint, UdpWireDriver } from './udp_wire.js';
import { UsbPort } from './usb/usb_port.js';
import { parseUsb, type UsbSpec } from './usb/usb_spec.js';

export type PortSpec =
  | { kind: 'tap'; ifName: string }
  | { kind: 'packet'; ifName: string; netns?: string }
  | { kind: 'udp'; local: UdpEndpoint; remote: UdpEndpoint }
  | { kind: 'pcap'; file: string; out: string | undefined }
  | { kind: 'serial'; line: SerialSpec }
  | { kind: 'usb'; device: UsbSpec };

/** What any driver understands; each takes what concerns it. */
export interface PortOptions {
  mac?: string | undefined;
  mtu?: number | undefined;
  /** tap, packet: leave checksums and segmentation to the other side. Default: true. */
  offloads?: boolean | undefined;
  /** tap: set the kernel's side up. Default: false. */
  up?: boolean | undefined;
  /** pcap: where transmitted frames go; wins over FILE>OUT. */
  out?: string | undefined;
}

const KINDS =
  "'tap:NAME', 'packet:IFACE', 'udp:LOCAL-REMOTE', 'pcap:FILE', 'serial:LINE' or 'usb:DEVICE' would be right";
const UDP_RIGHT = "'udp:127.0.0.1:7001-127.0.0.1:7002' would be right, or '[::1]:7001' for IPv6";
const ENDPOINT = /(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,6})/.source;
const UDP = new RegExp(`^${ENDPOINT}-${ENDPOINT}$`);

/** Only looks at the words: nothing is opened. Throws a NetError EINVAL that says what would be right. */
export function parsePort(spec: string): PortSpec {
  const colon = spec.indexOf(':');
  const rest = spec.slice(colon + 1);
  switch (colon < 0 ? '' : spec.slice(0, colon)) {
    case 'tap':
      return parseTap(spec, rest);
    case 'packet':
      return parsePacket(spec, rest);
    case 'udp':
      return parseUdp(spec, rest);
    case 'pcap':
      return parsePcap(spec, rest);
    case 'serial':
      return { kind: 'serial', line: parseSerial(rest) };
    case 'usb':
      return { kind: 'usb', device: parseUsb(rest) };
    default:
      throw wrong(spec, `no such kind of port; ${KINDS}`);
  }
}

/** Opens the port; what it needs is taken now (the TAP, the file) or in attach() (the socket). */
export function openPort(spec: string, options: PortOptions = {}): Driver {
  const port = parsePort(spec);
  switch (port.kind) {
    case 'tap':
      return new TapDriver(port.ifName, options);
    case 'packet':
      return new PacketDriver(port.ifName, { ...options, netns: port.netns });
    case 'udp':
      return new UdpWireDriver(port.local, port.remote, options);
    case 'pcap':
      return new PcapDriver(port.file, { ...options, out: options.out ?? port.out });
    case 'serial':
      return new SerialDriver(spec, port.line, options);
    case 'usb':
      return new UsbPort(spec, port.device, options);
    default:
      return assertNever(port);
  }
}

function parseTap(spec: string, ifName: string): PortSpec {
  const problem = ifNameProblem(ifName);
  if (problem !== undefined) throw wrong(spec, `${problem}; 'tap:ww0' would be right`);
  return { kind: 'tap', ifName };
}

function parsePacket(spec: string, rest: string): PortSpec {
  const at = rest.indexOf('@');
  const ifName = at < 0 ? rest : rest.slice(0, at);
  const problem = ifNameProblem(ifName) ?? (at < 0 ? undefined : netnsProblem(rest.slice(at + 1)));
  if (problem !== undefined) {
    throw wrong(spec, `${problem}; 'packet:eth0', or 'packet:eth0@NETNS', would be right`);
  }
  return at < 0 ? { kind: 'packet', ifName } : { kind: 'packet', ifName, netns: rest.slice(at + 1) };
}

function parseUdp(spec: string, rest: string): PortSpec {
  const match = UDP.exec(rest);
  if (match === null) throw wrong(spec, `no two ends ADDRESS:PORT with a '-' between; ${UDP_RIGHT}`);
  const local = parseEndpoint(spec, match[1], match[2], match[3]!);
  const remote = parseEndpoint(spec, match[4], match[5], match[6]!);
  if (isIP(local.address) !== isIP(remote.address)) {
    throw wrong(spec, 'one end is IPv4 and the other IPv6; both have to be of one kind');
  }
  if (remote.port === 0) throw wrong(spec, 'the remote port is 0; only the local one may be (any free port)');
  return { kind: 'udp', local, remote };
}

function parseEndpoint(
  spec: string,
  v6: string | undefined,
  v4: string | undefined,
  port: string,
): UdpEndpoint {
  const address = v6 ?? v4 ?? '';
  if (isIP(address) !== (v6 === undefined ? 4 : 6)) {
    throw wrong(spec, `'${address}' is no IPv${v6 === undefined ? 4 : 6} address; ${UDP_RIGHT}`);
  }
  if (Number(port) > 65535) throw wrong(spec, `port ${port} is larger than 65535`);
  return { address, port: Number(port) };
}

function parsePcap(spec: string, rest: string): PortSpec {
  const arrow = rest.indexOf('>');
  const file = arrow < 0 ? rest : rest.slice(0, arrow);
  const out = arrow < 0 ? undefined : rest.slice(arrow + 1);
  if (file === '' || out === '') {
    throw wrong(
      spec,
      "a file's name is missing; 'pcap:in.pcapng' or 'pcap:in.pcapng>out.pcapng' would be right",
    );
  }
  return { kind: 'pcap', file, out };
}

function wrong(spec: string, what: string): NetError {
  return new NetError('EINVAL', `port '${spec}': ${what}`);
}

function assertNever(value: never): never {
  throw new Error(`no such port: ${JSON.stringify(value)}`);
}
