/**
 * QEMU's monitor from within the guest, over a virtio serial port (hil/guest/usb_devices.ts): plugs devices into the
 * controller and pulls them out. One command at a time; events between are passed over. The port is read without
 * waiting: a read that waits in libuv's pool would keep the process from ending.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readdirSync, readFileSync, readSync, writeSync } from 'node:fs';
import { PEER_MAC, QMP_PORT, USB_NETDEV } from '../guest/usb_devices.js';
import { findDevice, until } from './sysfs.js';

const PORTS = '/sys/class/virtio-ports';
const CHUNK_BYTES = 4096;

interface Answer {
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
  readonly QMP?: unknown;
  readonly event?: string;
}

export class Qmp {
  private text = '';
  private readonly chunk = Buffer.alloc(CHUNK_BYTES);

  private constructor(private readonly fd: number) {}

  static async open(): Promise<Qmp> {
    const port = readdirSync(PORTS).find(
      (name) => readFileSync(`${PORTS}/${name}/name`, 'utf8').trim() === QMP_PORT,
    );
    if (port === undefined) throw new Error(`no serial port ${QMP_PORT}: not a guest with USB`);
    const qmp = new Qmp(openSync(`/dev/${port}`, constants.O_RDWR | constants.O_NONBLOCK));
    // The monitor outlives us; who was here before may have said it already.
    await qmp.call('qmp_capabilities').catch((error: Error) => {
      if (!error.message.includes('already complete')) throw error;
    });
    return qmp;
  }

  /** The port can be opened once at a time. */
  close(): void {
    closeSync(this.fd);
  }

  async call(execute: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    writeSync(this.fd, `${JSON.stringify({ execute, arguments: args })}\n`);
    const answer = await until(`QEMU's answer to ${execute}`, () => this.answer());
    if (answer.error !== undefined) throw new Error(`QEMU: ${answer.error.desc}`);
    return answer.return;
  }

  private answer(): Answer | undefined {
    this.read();
    for (;;) {
      const end = this.text.indexOf('\n');
      if (end < 0) return undefined;
      const answer = JSON.parse(this.text.slice(0, end)) as Answer;
      this.text = this.text.slice(end + 1);
      if (answer.QMP === undefined && answer.event === undefined) return answer;
    }
  }

  private read(): void {
    try {
      for (;;) {
        const bytes = readSync(this.fd, this.chunk);
        if (bytes === 0) return;
        this.text += this.chunk.toString('utf8', 0, bytes);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

/** QEMU's usb-net adapter, and its peer: a network card of the guest at the other end of its wire. */
export class UsbNet {
  /** Vendor and product, whatever the configuration. */
  readonly id = '0525:a4a2';

  constructor(
    private readonly qmp: Qmp,
    readonly mac: string,
    readonly port = '1',
  ) {}

  async plug(): Promise<string> {
    await this.plugNow();
    return until('usb-net on the bus', () => this.device);
  }

  async plugNow(): Promise<void> {
    const device = {
      driver: 'usb-net',
      id: 'un0',
      bus: 'xhci.0',
      port: this.port,
      netdev: USB_NETDEV,
      mac: this.mac,
    };
    await until('room for usb-net', async () => {
      try {
        await this.qmp.call('device_add', device);
        return true;
      } catch (error) {
        // The one before is on its way out.
        if ((error as Error).message.includes('Duplicate')) return undefined;
        throw error;
      }
    });
  }

  async unplug(): Promise<void> {
    await this.qmp.call('device_del', { id: 'un0' });
  }

  get device(): string | undefined {
    return findDevice({ id: this.id });
  }

  /** The interface of the card at the other end, in this network namespace. */
  static peer(): string {
    const links = JSON.parse(execFileSync('ip', ['-j', 'link'], { encoding: 'utf8' })) as Link[];
    const name = links.find(({ permaddr, address }) => (permaddr ?? address) === PEER_MAC)?.ifname;
    if (name === undefined) throw new Error(`no interface ${PEER_MAC} here`);
    return name;
  }

  /** Gives that interface to a network namespace, under another name. */
  static movePeer(netns: string, name: string): Peer {
    const peer = UsbNet.peer();
    execFileSync('ip', ['link', 'set', peer, 'netns', netns, 'name', name], { stdio: 'pipe' });
    const back = ['-n', netns, 'link', 'set', name, 'netns', String(process.pid), 'name', peer];
    return { comeBack: () => execFileSync('ip', back, { stdio: 'pipe' }) };
  }
}

export interface Peer {
  /** To the namespace of this process. */
  comeBack(): void;
}

interface Link {
  readonly ifname: string;
  readonly address: string;
  /** When another one was set. */
  readonly permaddr?: string;
}
