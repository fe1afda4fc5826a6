/**
 * QEMU as a child: the machine, the console kept for error messages, and no way to outlive us. The control channel is a
 * socket pair that the child inherits, so there is no name for it anywhere; setpriv makes the kernel kill QEMU when this
 * process dies, however it dies.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import type { Accel } from './places.js';

const CONTROL_FD = 3;
const TAIL_LINES = 60;
/** After it was told to end. */
const END_MS = 5000;

export interface Machine {
  readonly accel: Accel;
  readonly kernel: string;
  readonly initrd: string;
  readonly memoryMb: number;
  readonly cpus: number;
  /** More of QEMU's arguments: devices that a test brings. */
  readonly devices: readonly string[];
}

/** Both quiet and complete: a panic is printed even so, and ends QEMU (-no-reboot). */
const CMDLINE = [
  'console=ttyS0',
  'quiet',
  'panic=-1',
  'oops=panic',
  'mitigations=off',
  'edd=off',
  'random.trust_cpu=on',
  'net.ifnames=0',
];

/**
 * An emulated processor's time-stamp counter is calibrated while it may stand still, on a busy machine; its clock then runs
 * several times too fast or too slow. The HPET is the host's clock.
 */
const TCG_CMDLINE = ['clocksource=hpet', 'tsc=unstable'];

export function qemuCommand(machine: Machine): string[] {
  const kvm = machine.accel === 'kvm';
  const accel = kvm ? 'kvm' : 'tcg,thread=multi,tb-size=256';
  const cmdline = kvm ? CMDLINE : [...CMDLINE, ...TCG_CMDLINE];
  return [
    ...['qemu-system-x86_64', '-accel', accel, '-M', 'q35,usb=off', '-cpu', 'max'],
    ...['-smp', String(machine.cpus), '-m', String(machine.memoryMb)],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    ...['-kernel', machine.kernel, '-initrd', machine.initrd, '-append', cmdline.join(' ')],
    ...['-fsdev', 'local,id=host,path=/,security_model=none,readonly=on,multidevs=remap'],
    ...['-device', 'virtio-9p-pci,fsdev=host,mount_tag=host'],
    ...['-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci'],
    ...['-chardev', `socket,id=control,fd=${CONTROL_FD}`],
    ...['-device', 'virtserialport,chardev=control,name=ww.control'],
    ...machine.devices,
  ];
}

/** The last lines of a text that comes in pieces. */
export class Tail {
  private lines: string[] = [''];

  push(text: string): void {
    const [first = '', ...rest] = text.replaceAll('\r', '').split('\n');
    const last = this.lines.pop() ?? '';
    this.lines = [...this.lines, last + first, ...rest].slice(-TAIL_LINES);
  }

  toString(): string {
    return this.lines.join('\n').trim();
  }
}

export class Qemu {
  readonly console = new Tail();
  readonly control: Duplex;
  /** How it ended. */
  readonly exited: Promise<string>;
  private readonly child: ChildProcess;

  constructor([command, ...args]: readonly string[], onConsole?: (text: string) => void) {
    this.child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', command!, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.console.push(text);
        onConsole?.(text);
      });
    }
    this.control = this.child.stdio[CONTROL_FD] as Duplex;
    this.control.on('error', () => {}); // QEMU has gone, which `exited` says
    this.exited = new Promise((resolve) => {
      this.child.once('error', (error) => resolve(error.message));
      this.child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
  }

  /** Resolves when it has ended: by itself if it was asked to, else killed. */
  async end(asked: boolean): Promise<void> {
    const kill = () => this.child.kill('SIGKILL');
    if (!asked) kill();
    const late = setTimeout(kill, END_MS);
    await this.exited;
    clearTimeout(late);
    this.control.destroy();
  }
}
