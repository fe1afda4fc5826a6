import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Random } from '../../test/random.js';
import { LineProxy } from './line_proxy.js';

describe('a line with faults', () => {
  let proxy: LineProxy;
  let host: Socket;
  /** What the board sends comes out of it, and what it gets goes in: a loop. */
  let board: PassThrough;
  let got = '';

  const dial = async (): Promise<void> => {
    host = connect(Number(/:(\d+)$/.exec(proxy.spec)![1]), '127.0.0.1');
    host.setEncoding('utf8').on('data', (text: string) => {
      got += text;
    });
    host.on('error', () => {});
    await once(host, 'connect');
  };

  beforeEach(async () => {
    got = '';
    proxy = await LineProxy.open(new Random(1));
    board = new PassThrough();
    proxy.connect(board);
    await dial();
  });
  afterEach(async () => {
    host.destroy();
    await proxy.close();
  });

  it('passes bytes on, both ways', async () => {
    host.write('hello');
    await expect.poll(() => got).toBe('hello');
  });

  it('damages the next chunk of a lane, once', async () => {
    proxy.toBoard = 'repeat';
    host.write('a');
    await expect.poll(() => got).toBe('aa');
    host.write('b');
    await expect.poll(() => got).toBe('aab');
    expect(proxy.damaged).toBe(1);
  });

  it('holds bytes back, and passes them on in order', async () => {
    proxy.set('held');
    host.write('a');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(got).toBe('');
    proxy.set('open');
    host.write('b');
    await expect.poll(() => got).toBe('ab');
  });

  it('that is broken loses them', async () => {
    proxy.set('broken');
    host.write('a');
    await new Promise((resolve) => setTimeout(resolve, 20));
    proxy.set('open');
    host.write('b');
    await expect.poll(() => got).toBe('b');
  });

  it('that is pulled out takes no host until it is plugged in', async () => {
    const closed = once(host, 'close');
    proxy.disconnect(true);
    await closed;
    await dial();
    await once(host, 'close');
    proxy.plug();
    await dial();
    host.write('back');
    await expect.poll(() => got).toBe('back');
  });
});
