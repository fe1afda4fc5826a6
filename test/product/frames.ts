/** Frames of two hosts beside a router, as bytes, and capture files of them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileSource, openCapture } from '../../src/drivers/capture_file.js';
import { parseIp, parseMac } from '../../src/config/ip_address.js';
import { AF_INET } from '../../src/net/ip.js';
import { emitEcho } from '../../src/tools/icmp_echo.js';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const PCAP_HEADER = 24;
const RECORD_HEADER = 16;
const LINKTYPE_ETHERNET = 1;

const mac = (text: string) => [...parseMac(text)!];
const ip = (text: string) => [...parseIp(text)!.bytes];

/** "Who has `target`?", which also tells the router who asks. */
export function arpRequest(senderMac: string, sender: string, target: string): Uint8Array {
  return Uint8Array.of(
    ...[...mac(BROADCAST), ...mac(senderMac), 0x08, 0x06],
    ...[0, 1, 0x08, 0, 6, 4, 0, 1, ...mac(senderMac), ...ip(sender), 0, 0, 0, 0, 0, 0, ...ip(target)],
  );
}

export interface EchoFrame {
  readonly dst: string;
  readonly src: string;
  readonly from: string;
  readonly to: string;
  readonly ttl: number;
  readonly id?: number;
}

/** An IPv4 echo request of 84 bytes in an Ethernet frame, complete with checksums. */
export function echoFrame({ dst, src, from, to, ttl, id = 7 }: EchoFrame): Uint8Array {
  const [source, target] = [parseIp(from)!.bytes, parseIp(to)!.bytes];
  const echo = {
    family: AF_INET,
    source,
    to: target,
    id,
    seq: 1,
    size: 56,
    ttl,
    dontFragment: false,
  } as const;
  const packet = emitEcho(echo);
  const view = new DataView(packet.buffer);
  view.setUint16(4, id);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += view.getUint16(at);
  view.setUint16(10, ~((sum & 0xffff) + (sum >>> 16)));
  return Uint8Array.of(...mac(dst), ...mac(src), 0x08, 0x00, ...packet);
}

export function writePcap(path: string, frames: readonly Uint8Array[]): void {
  const bytes = frames.reduce((sum, frame) => sum + RECORD_HEADER + frame.length, PCAP_HEADER);
  const file = Buffer.alloc(bytes);
  file.writeUInt32LE(0xa1b2c3d4);
  file.writeUInt16LE(2, 4);
  file.writeUInt16LE(4, 6);
  file.writeUInt32LE(65535, 16);
  file.writeUInt32LE(LINKTYPE_ETHERNET, 20);
  let at = PCAP_HEADER;
  for (const frame of frames) {
    file.writeUInt32LE(1, at);
    file.writeUInt32LE(frame.length, at + 8);
    file.writeUInt32LE(frame.length, at + 12);
    file.set(frame, at + RECORD_HEADER);
    at += RECORD_HEADER + frame.length;
  }
  writeFileSync(path, file);
}

/** The frames of a capture file whose Ethernet type is `type`, as hexadecimal. */
export function readFrames(path: string, type: number): string[] {
  readFileSync(path); // a clear error when it is not there
  const reader = openCapture(fileSource(path));
  const frames: string[] = [];
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    const frame = Buffer.from(record.data);
    if (frame.readUInt16BE(12) === type) frames.push(frame.toString('hex'));
  }
  return frames;
}

export const hex = (frame: Uint8Array): string => Buffer.from(frame).toString('hex');
