/**
 * Writes debug/NAME.debug: the instructions that nft 1.0.6 makes of each file of the corpora, as `--debug=netlink` prints
 * them. Nothing is loaded, and what the kernel says of it does not matter. Needs root and nft.
 *
 * node test/nft/write_debug.mjs
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

for (const folder of ['bytecode', 'corpus', 'corpus_guest', 'corpus_unlisted']) {
  for (const file of readdirSync(join(here, folder)).sort()) {
    const script = 'ip link set lo up; nft --debug=netlink -c -f "$0"';
    const { stdout } = spawnSync('unshare', ['-n', 'sh', '-c', script, join(here, folder, file)], {
      encoding: 'utf8',
      env: { ...process.env, TZ: 'UTC' },
    });
    if (stdout === '') throw new Error(`nft refuses ${folder}/${file}`);
    writeFileSync(join(here, 'debug', `${file.replace(/\.nft$/, '')}.debug`), stdout);
  }
}
