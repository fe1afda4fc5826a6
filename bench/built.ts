/** Where the build put its files: beside the running bundle, or above it when esbuild made a chunk of this code. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Path of `name` in build/. */
export function builtFile(name: string): string {
  for (const place of ['./', '../']) {
    const path = fileURLToPath(new URL(place + name, import.meta.url));
    if (existsSync(path)) return path;
  }
  throw new Error(`${name} is not built: run it by npm run bench`);
}
