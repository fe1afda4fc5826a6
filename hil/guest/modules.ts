/** modules.dep, as depmod(8) writes it: `path: paths that it depends on`, those to be loaded first standing last. */

export function parseModulesDep(text: string): Map<string, readonly string[]> {
  const lines = text.split('\n').filter((line) => line.includes(':'));
  return new Map(
    lines.map((line) => {
      const [path, rest] = line.split(':') as [string, string];
      return [path, rest.split(' ').filter((name) => name !== '')];
    }),
  );
}

/** `-` and `_` are the same in a module's name. */
function moduleName(path: string): string {
  return path
    .slice(path.lastIndexOf('/') + 1)
    .replace(/\.ko$/, '')
    .replaceAll('-', '_');
}

/** The modules and all that they depend on, in the order in which they can be loaded. */
export function dependencies(modulesDep: string, names: readonly string[]): string[] {
  const dep = parseModulesDep(modulesDep);
  const ordered = new Set<string>();
  const add = (path: string) => {
    for (const other of [...(dep.get(path) ?? [])].reverse()) ordered.add(other);
    ordered.add(path);
  };
  for (const name of names) {
    const path = [...dep.keys()].find((candidate) => moduleName(candidate) === moduleName(name));
    if (path === undefined) throw new Error(`no module ${name}`);
    add(path);
  }
  return [...ordered];
}

/** Those of `paths` (below kernel/) that a pattern matches, and what they depend on. */
export function selectModules(modulesDep: string, patterns: readonly RegExp[]): string[] {
  const dep = parseModulesDep(modulesDep);
  const chosen = new Set<string>();
  for (const [path, others] of dep) {
    const below = path.replace(/^kernel\//, '');
    if (!patterns.some((pattern) => pattern.test(below))) continue;
    for (const one of [path, ...others]) chosen.add(one);
  }
  return [...chosen].sort();
}
