/**
 * `npm run setup`, the guest's part: Debian's kernel and busybox by apt-get download, which needs no root; the modules of
 * the recipe; the kernel unpacked, as unpacking it within an emulated machine takes seconds. All of it goes to a folder
 * beside the cache and is renamed, so that two at once, or one that was killed, leave nothing half done.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Guest, GuestError } from './guest.js';
import { selectModules } from './modules.js';
import { type Accel, cacheFolder, findPrepared, type Prepared, READY } from './places.js';
import { MODULES, PACKAGES, UDEV_RULES } from './recipe.js';

const KVM_LIMIT_MS = 15_000;
const XZ_MAGIC = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]);

function tool(command: string, args: readonly string[], cwd?: string): string {
  const options = { encoding: 'utf8', maxBuffer: 64 << 20, env: { ...process.env, LC_ALL: 'C' } } as const;
  return execFileSync(command, args, { ...options, ...(cwd !== undefined && { cwd }) });
}

/** The package that `name` stands for: its first dependency on a kernel. */
function kernelPackage(name: string): string | undefined {
  const { stdout } = spawnSync('apt-cache', ['depends', name], { encoding: 'utf8' });
  return /^\s*Depends: (linux-image-\d\S+)/m.exec(stdout ?? '')?.[1];
}

/** A fresh Debian has no lists of packages; only root may get them. */
function findKernelPackage(): string {
  const known = kernelPackage(PACKAGES.kernel);
  if (known !== undefined) return known;
  if (process.getuid?.() === 0) spawnSync('apt-get', ['update', '-q'], { stdio: 'ignore' });
  const found = kernelPackage(PACKAGES.kernel);
  if (found === undefined)
    throw new Error(`apt knows no ${PACKAGES.kernel}: needs Debian, and apt-get update`);
  return found;
}

function download(names: readonly string[], cwd: string): void {
  // Unpacked by us, not by the user that apt would become.
  tool('apt-get', ['download', '-q', '-o', 'APT::Sandbox::User=root', ...names], cwd);
}

function versionsOf(folder: string): Record<string, string> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.deb'));
  return Object.fromEntries(
    files.map((file) => {
      const field = (name: string) => tool('dpkg-deb', ['-f', file, name], folder).trim();
      return [field('Package'), field('Version')];
    }),
  );
}

/** Debian's kernel is compressed by xz behind a small loader; the ELF file within can be booted as well. */
function unpackKernel(from: string, to: string): void {
  const image = readFileSync(from);
  const begin = image.indexOf(XZ_MAGIC);
  if (begin < 0) throw new Error(`${from} is not compressed by xz`);
  // xz ends with an error at what stands behind the compressed part, after it has written everything.
  const script = 'xz -dc --single-stream > "$1" || [ -s "$1" ]';
  execFileSync('sh', ['-c', script, 'sh', to], {
    input: image.subarray(begin),
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  if (!readFileSync(to).subarray(1, 4).equals(Buffer.from('ELF')))
    throw new Error(`${from} holds no ELF file`);
}

function keepModules(from: string, to: string, release: string, busybox: string): void {
  const source = join(from, 'lib/modules', release);
  tool(busybox, ['depmod', '-b', from, release]);
  const chosen = selectModules(readFileSync(join(source, 'modules.dep'), 'utf8'), MODULES);
  const target = join(to, 'lib/modules', release);
  for (const path of chosen) {
    mkdirSync(dirname(join(target, path)), { recursive: true });
    copyFileSync(join(source, path), join(target, path));
  }
  for (const name of ['modules.order', 'modules.builtin']) {
    copyFileSync(join(source, name), join(target, name));
  }
  tool(busybox, ['depmod', '-b', to, release]);
}

function keepUdev(from: string, to: string): void {
  mkdirSync(join(to, 'rules.d'), { recursive: true });
  copyFileSync(join(from, 'bin/udevadm'), join(to, 'udevadm'));
  chmodSync(join(to, 'udevadm'), 0o755);
  for (const name of UDEV_RULES) {
    copyFileSync(join(from, `lib/udev/rules.d/${name}.rules`), join(to, `rules.d/${name}.rules`));
  }
}

/** Whether KVM is of use is known only when a guest has come up with it: within another virtual machine it may hang. */
async function bestAccel(): Promise<Accel> {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return 'tcg';
  }
  try {
    const guest = await Guest.boot({ accel: 'kvm', bootLimitMs: KVM_LIMIT_MS });
    await guest.close();
    return 'kvm';
  } catch (error) {
    if (error instanceof GuestError) return 'tcg';
    throw error;
  }
}

function writeReady(folder: string, ready: Omit<Prepared, 'folder'>): void {
  const temporary = join(folder, `${READY}.${process.pid}`);
  writeFileSync(temporary, `${JSON.stringify(ready, null, 2)}\n`);
  renameSync(temporary, join(folder, READY));
}

export async function prepare(say: (text: string) => void): Promise<Prepared> {
  const known = findPrepared();
  if (known !== undefined) {
    say(`the guest is ready: Linux ${known.release} (${known.accel}), ${known.folder}`);
    return known;
  }
  const folder = cacheFolder();
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(`${folder}.`);
  try {
    const kernel = findKernelPackage();
    const names = [kernel, PACKAGES.busybox, PACKAGES.udev];
    say(`getting ${names.join(', ')} from Debian for the guest, 74 MB`);
    download(names, work);
    const packages = versionsOf(work);
    for (const file of readdirSync(work).filter((name) => name.endsWith('.deb'))) {
      tool('dpkg-deb', ['-x', file, 'unpacked'], work);
    }
    const unpacked = join(work, 'unpacked');
    const release = readdirSync(join(unpacked, 'lib/modules'))[0]!;
    const made = join(work, 'made');
    mkdirSync(made);
    const busybox = join(made, 'busybox');
    copyFileSync(join(unpacked, 'bin/busybox'), busybox);
    chmodSync(busybox, 0o755);
    unpackKernel(join(unpacked, 'boot', `vmlinuz-${release}`), join(made, 'vmlinux'));
    keepUdev(unpacked, join(made, 'udev'));
    keepModules(unpacked, work, release, busybox);
    renameSync(join(work, 'lib/modules'), join(made, 'modules'));
    writeReady(made, { release, packages, accel: 'tcg' });
    if (!existsSync(folder)) renameSync(made, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const { release, packages } = findPrepared()!;
  const accel = await bestAccel();
  writeReady(folder, { release, packages, accel });
  say(`the guest is ready: Linux ${release} (${accel}), ${folder}`);
  return findPrepared()!;
}
