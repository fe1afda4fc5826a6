/** The host's side of the guest, with programs in QEMU's place: what it says when the guest is well, and when it is not. */
import { describe, expect, it } from 'vitest';
import { Guest, GuestError, type GuestOptions } from './guest.js';

/** Speaks for the agent over file descriptor 3; `onRun` answers a RUN frame. */
function agent(onRun: string): GuestOptions {
  const script = `
    const port = new (require('net').Socket)({ fd: 3, readable: true, writable: true });
    const send = (type, id, body) => {
      const head = Buffer.alloc(9);
      head.writeUInt32LE(5 + body.length); head.writeUInt8(type, 4); head.writeUInt32LE(id, 5);
      port.write(Buffer.concat([head, Buffer.from(body)]));
    };
    const json = (type, id, body) => send(type, id, JSON.stringify(body));
    port.on('data', (frame) => {
      const type = frame[4];
      const request = type === 1 ? JSON.parse(frame.subarray(9, 4 + frame.readUInt32LE())) : undefined;
      if (type === 1) { ${onRun} }
      if (type === 8) process.exit(0);
    });
    console.log('guest: booting');
    json(6, 0, { kernel: 'Linux version 6', node: 'v20' });`;
  return { command: [process.execPath, '-e', script] };
}

/** The error that a command in a guest ends with. */
async function failure(options: GuestOptions): Promise<Error> {
  const guest = await Guest.boot(options);
  try {
    return await guest.run(['true'], { limitMs: 100 }).then(
      () => new Error('it ran'),
      (error: Error) => error,
    );
  } finally {
    await guest.close();
  }
}

describe('a guest', () => {
  it('tells what a command wrote, and its exit code', async () => {
    const guest = await Guest.boot(
      agent(`send(2, 1, '\\u0001' + request.argv.join(' ')); send(2, 1, '\\u0002oh');
             json(5, 1, { code: 3, signal: null, timedOut: false });`),
    );
    expect(guest.kernel).toBe('Linux version 6');
    expect(await guest.run(['ip', 'link'])).toEqual({ stdout: 'ip link', stderr: 'oh', code: 3 });
    await guest.close();
    expect(await guest.gone).toBeUndefined();
  });

  it.each([
    ['took more than 100 ms', '{ code: null, signal: "SIGKILL", timedOut: true }'],
    ['true: ended by SIGSEGV', '{ code: null, signal: "SIGSEGV", timedOut: false }'],
    ['true: spawn true ENOENT', '{ code: null, signal: null, timedOut: false, error: "spawn true ENOENT" }'],
  ])('says of a command that it %s', async (message, exit) => {
    expect((await failure(agent(`json(5, 1, ${exit})`))).message).toContain(message);
  });

  it('that panics rejects what waits for it, with the end of its console', async () => {
    const panic = agent(
      `process.stdout.write('Kernel panic - not syncing: on purpose\\n', () => process.exit(0));`,
    );
    const error = await failure(panic);
    expect(error).toBeInstanceOf(GuestError);
    expect(error.message).toBe(
      'the guest has ended (QEMU: exit code 0)\n── its console ──\nguest: booting\nKernel panic - not syncing: on purpose',
    );
  });

  it('that says nothing any more is ended', async () => {
    const error = await failure({ ...agent(''), silenceMs: 50 });
    expect(error.message).toMatch(/^the guest has said nothing for 50 ms: it hangs\n/);
  });

  it('that sends nonsense is ended', async () => {
    const error = await failure(agent(`port.write(Buffer.alloc(8, 0xff))`));
    expect(error.message).toMatch(/^the guest sends nonsense/);
  });

  it.each([
    ['the guest was not up after 50 ms\n── its console ──\n', ['sleep', '60']],
    [
      'the guest has ended (QEMU: exit code 4)\n── its console ──\nno such machine',
      ['sh', '-c', 'echo no such machine >&2; exit 4'],
    ],
    ['failed to execute no-such-qemu', ['no-such-qemu']],
  ])('that does not come up: %s', async (message, command) => {
    await expect(
      Guest.boot({ command, bootLimitMs: 50 + (command.length === 2 ? 0 : 20_000) }),
    ).rejects.toThrow(message);
  });
});
