/** What runs here, for summaries and the first line. */

/** Put in by the build (esbuild.config.mjs). */
declare const WW_VERSION: string;

export const VERSION = typeof WW_VERSION === 'undefined' ? '0.0.0' : WW_VERSION;

export interface Versions {
  readonly wirewright: string;
  readonly node: string;
  readonly system: string;
}

export async function versions(): Promise<Versions> {
  const { arch, release, type } = await import('node:os');
  return { wirewright: VERSION, node: process.version, system: `${type()} ${release()} ${arch()}` };
}
