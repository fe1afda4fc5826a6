/**
 * The packet that whoever got a packet would answer: addresses and ports the other way round, SYN,ACK to SYN, an echo reply to an echo
 * request. More words change it. Numbers of TCP follow those of the packet, so that connection tracking takes the answer for one.
 */
import { IP, IP6 } from '../../nft/proto/network.js';
import type { Field, Proto } from '../../nft/proto/proto.js';
import { getBits } from './bits.js';
import type { Dissected, Layer } from './dissect.js';
import { valueText } from './dissect.js';
import { type PacketWords, readPacketWords } from './words.js';

const SYN = 2;
const FIN = 1;

const fieldOf = (proto: Proto, name: string): Field => proto.fields.find((each) => each.name === name)!;

/** undefined: nobody would answer this. */
export function replyWords(packet: Dissected, more: PacketWords): PacketWords | undefined {
  const { frame, layers } = packet;
  const ip = layers.find(({ proto }) => proto === IP || proto === IP6);
  if (ip === undefined) return undefined;
  const value = ({ proto, at }: Layer, name: string): bigint => {
    const { offset, len } = fieldOf(proto, name);
    return getBits(frame, at * 8 + offset, len) ?? 0n;
  };
  const text = (layer: Layer, name: string): string =>
    valueText(value(layer, name), fieldOf(layer.proto, name).type);
  const words = [`${ip.proto.name} saddr ${text(ip, 'daddr')} ${ip.proto.name} daddr ${text(ip, 'saddr')}`];
  const last = layers.at(-1)!;
  const { name } = last.proto;
  switch (name) {
    case 'tcp':
    case 'udp':
    case 'udplite':
    case 'sctp':
    case 'dccp':
      words.push(`${name} sport ${value(last, 'dport')} ${name} dport ${value(last, 'sport')}`);
      break;
    case 'icmp':
      words.push(
        `icmp type echo-reply icmp id ${value(last, 'id')} icmp sequence ${value(last, 'sequence')}`,
      );
      break;
    case 'icmpv6':
      words.push(
        `icmpv6 type echo-reply icmpv6 id ${value(last, 'id')} icmpv6 sequence ${value(last, 'sequence')}`,
      );
      break;
    default:
      if (name === 'ip') words.push(`ip protocol ${value(last, 'protocol')}`);
      else if (last.proto.base === 'th' && last.proto.key === undefined) words.push(`meta l4proto ${name}`);
  }
  if (name === 'tcp') {
    const flags = Number(value(last, 'flags'));
    const taken = (flags & (SYN | FIN)) !== 0 ? 1 : 0;
    const ack = (Number(value(last, 'sequence')) + frame.length - packet.payloadAt + taken) >>> 0;
    const seq = Math.max(1, Number(value(last, 'ackseq')));
    words.push(`tcp flags ${(flags & SYN) !== 0 ? 'syn,ack' : 'ack'} tcp sequence ${seq} tcp ackseq ${ack}`);
  }
  const answer = readPacketWords(words.join(' '));
  return { ...answer, ...more, words: [...answer.words, ...more.words], text: `reply ${more.text}`.trim() };
}
