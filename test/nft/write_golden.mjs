/**
 * Writes golden/NAME.list: what nft itself lists after it loaded each file of corpus/, as text, and for some NAME.list-j as JSON. Needs root and nft.
 *
 * node test/nft/write_golden.mjs
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
/** The shapes of JSON are few; these files have them all. */
const AS_JSON = [
  'commands',
  'ct_objects',
  'generators',
  'nat',
  'payload_arp',
  'redirection',
  'reject',
  'sets',
];

/** `-n` and the like; what nft says on standard error (of things it cannot write as JSON) is dropped. */
function list(path, ...options) {
  const script = 'nft -f "$0" && nft "$@" list ruleset';
  return execFileSync('unshare', ['-n', 'sh', '-c', script, path, ...options], {
    encoding: 'utf8',
    stdio: 'pipe',
  });
}

/** The time that is left differs each time. */
const lasting = (text) => text.replace(/ expires [0-9a-z]+/g, '').replace(/, "expires": \d+/g, '');

for (const file of readdirSync(join(here, 'corpus')).sort()) {
  const name = file.replace(/\.nft$/, '');
  const path = join(here, 'corpus', file);
  writeFileSync(join(here, 'golden', `${name}.list`), lasting(list(path)));
  if (AS_JSON.includes(name))
    writeFileSync(join(here, 'golden', `${name}.list-j`), lasting(list(path, '-j')));
}
