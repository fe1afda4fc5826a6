/** JSON as nft prints it: on one line, a blank behind commas and colons, integers of 64 bits whole. */

export type Json =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

export function jsonText(value: Json): string {
  if (typeof value === 'bigint') return String(value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(jsonText).join(', ')}]`;
  const entries = Object.entries(value as { readonly [key: string]: Json });
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}: ${jsonText(item)}`).join(', ')}}`;
}

/** Leaves out what is undefined. */
export function fields(object: { readonly [key: string]: Json | undefined }): {
  readonly [key: string]: Json;
} {
  const found: Record<string, Json> = {};
  for (const [key, value] of Object.entries(object)) if (value !== undefined) found[key] = value;
  return found;
}

/** One flag alone, several as an array, none not at all. */
export function flagsOf(flags: readonly string[] | undefined): Json | undefined {
  if (!flags || flags.length === 0) return undefined;
  return flags.length === 1 ? flags[0] : flags;
}
