/** Grammars (src/nft/grammar/*.peggy) are made into parsers when the project is built: peggy_plugin.mjs. */
declare module '*.peggy' {
  class ParserError extends Error {
    readonly location: { readonly start: { readonly offset: number } };
    readonly expected: readonly unknown[] | null;
  }
  export { ParserError as SyntaxError };
  export function parse(input: string, options: Readonly<Record<string, unknown>>): unknown;
}
