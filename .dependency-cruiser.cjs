/**
 * Import directions. A layer imports itself and what stands before it; calls upwards go through the registration
 * tables of assembly/net. Folders of one line do not import each other, unless `beside` says so.
 */
const CORE = [
  ['abi'],
  ['lib'],
  ['wire'],
  ['net'],
  ['skb'],
  ['dev'],
  ['neigh', 'route'],
  // Socket lookup is asked by the receive functions of ipv4 and ipv6, so it stands before them.
  ['inet'],
  ['ipv4', 'ipv6'],
  // The bridge asks the families for the addresses that its queries come from.
  ['bridge'],
  ['sched', 'netfilter', 'bpf', 'pktgen'],
  // Requests: the control side of everything above.
  ['rtnl'],
];
/** [from, to] within one line: neighbours ask for routes by op, routes hold neighbours; fragments are kept once. */
const BESIDE = [
  ['route', 'neigh'],
  ['ipv6', 'ipv4'],
];

const HOST = [
  ['sys'],
  ['drivers'],
  ['config', 'core'],
  ['inet', 'net', 'remote'],
  ['socket', 'netlink', 'nft'],
  ['tools', 'services', 'web'],
  ['cli'],
];

function layers(top, rows, allowed) {
  const rules = [];
  rows.forEach((row, i) => {
    const above = rows.slice(i + 1).flat();
    for (const name of row) {
      const beside = row.filter(
        (other) => other !== name && !allowed.some(([from, to]) => from === name && to === other),
      );
      const forbidden = [...above, ...beside];
      if (forbidden.length === 0) continue;
      rules.push({
        name: `${top}/${name} imports upwards`,
        severity: 'error',
        from: { path: `^${top}/${name}/`, pathNot: '(\\.test|/testing)\\.ts$' },
        // Netlink's bytes (messages, attributes, records of connections) are formats; families of messages stand higher.
        to: {
          path: `^${top}/(${forbidden.join('|')})/`,
          pathNot: '^src/netlink/(nlmsg|nlattr|ctnetlink)\\.ts$',
        },
      });
    }
  });
  return rules;
}

module.exports = {
  forbidden: [
    ...layers('assembly', CORE, BESIDE),
    ...layers('src', HOST, []),
    {
      name: 'abi imports nothing',
      severity: 'error',
      from: { path: '^assembly/abi/' },
      to: { pathNot: '^assembly/abi/' },
    },
    {
      name: 'a layer imports a composition root',
      severity: 'error',
      from: { path: '^assembly/[^/]+/', pathNot: '(\\.test\\.ts$|^assembly/rtnl/)' },
      to: { path: '^assembly/[^/]+\\.ts$' },
    },
    {
      name: 'only the composition root imports netfilter, sched and bpf',
      severity: 'error',
      from: { path: '^assembly/(?!netfilter/|sched/|bpf/|rtnl/)[^/]+/', pathNot: '\\.test\\.ts$' },
      to: { path: '^assembly/(netfilter|sched|bpf)/' },
    },
    {
      name: 'the host knows of the core only its abi',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.test\\.ts$' },
      to: { path: '^assembly/(?!abi/)' },
    },
    {
      name: 'core knows of drivers only the interface',
      severity: 'error',
      from: { path: '^src/core/', pathNot: '\\.test\\.ts$' },
      to: { path: '^src/drivers/(?!driver\\.ts$)' },
    },
    {
      name: 'only src/sys imports koffi',
      severity: 'error',
      from: { pathNot: '^src/sys/' },
      to: { path: '(^|/)node_modules/koffi' },
    },
    {
      name: 'only src/core touches WebAssembly modules of the core',
      severity: 'error',
      from: { path: '^src/(drivers|config|sys|net)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^src/(core/instance|stack|index)\\.ts$' },
    },
    {
      name: 'nothing imports tests, benches or the rig',
      severity: 'error',
      from: { path: '^(src|assembly)/', pathNot: '(\\.test|/testing)\\.ts$' },
      to: { path: '^(test|bench|hil)/' },
    },
    {
      name: 'no cycles in the host',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only', 'dynamic-import'] } },
    },
    { name: 'not resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'default'],
    },
  },
};
