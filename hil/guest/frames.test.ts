import { describe, expect, it } from 'vitest';
import { emitData, emitFrame, emitMessage, FrameType, MessageReader, parseFrame, Stream } from './frames.js';

function messagesOf(chunks: readonly Buffer[]): string[] {
  const found: string[] = [];
  const reader = new MessageReader((message) => found.push(message.toString()));
  for (const chunk of chunks) reader.push(chunk);
  return found;
}

describe('messages behind their length', () => {
  const bytes = Buffer.concat(['', 'a', 'bcd'.repeat(40), ''].map((text) => emitMessage(Buffer.from(text))));
  const expected = ['', 'a', 'bcd'.repeat(40), ''];

  it('come out whole when they arrive at once', () => {
    expect(messagesOf([bytes])).toEqual(expected);
  });

  it('come out whole wherever the stream is cut', () => {
    for (let at = 1; at < bytes.length; at++) {
      expect(messagesOf([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(expected);
    }
    expect(messagesOf([...bytes].map((byte) => Buffer.of(byte)))).toEqual(expected);
  });

  it('of an absurd length are refused', () => {
    expect(() => messagesOf([Buffer.of(0xff, 0xff, 0xff, 0xff)])).toThrow('a message of 4294967295 bytes');
  });
});

describe('a frame of the control channel', () => {
  const parsed = (frame: Buffer) => parseFrame(frame.subarray(4));

  it('has type, id and body', () => {
    const { type, id, body } = parsed(emitFrame(FrameType.KILL, 0xfffffffe, Buffer.from('SIGINT')));
    expect([type, id, body.toString()]).toEqual([FrameType.KILL, 0xfffffffe, 'SIGINT']);
    expect(parsed(emitData(7, Stream.STDERR, Buffer.of(9, 8))).body).toEqual(Buffer.of(2, 9, 8));
  });

  it('that is cut short is refused', () => {
    expect(() => parseFrame(Buffer.of(1, 0, 0, 0))).toThrow('a control message of 4 bytes');
  });
});
