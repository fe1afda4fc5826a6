/** Rules there and back without a kernel: compiled to instructions, encoded, decoded and read back as a listing. */
import { describe, expect, test } from 'vitest';
import { systemNames } from '../datatype/names.js';
import type { IrExpr } from '../expr/registry.js';
import { parse } from '../grammar/parse.js';
import type { IrThing } from '../ir.js';
import { compile } from '../nft.js';
import { printRuleset } from '../print/ruleset.js';
import { delinearize } from './ruleset.js';

const names = { ...systemNames(), ifname: (index: number) => (index === 1 ? 'lo' : undefined) };

/** As the kernel does: sets without a name get one. */
function named(thing: IrThing): IrThing {
  const name = (given: string, id: number): string => given.replace('%d', String(id));
  if (thing.kind === 'set') return { ...thing, name: name(thing.name, thing.id) };
  if (thing.kind === 'elements') return { ...thing, set: name(thing.set, thing.setId) };
  if (thing.kind !== 'rule') return thing;
  const exprs = thing.exprs.map(
    (expr): IrExpr => ('setId' in expr ? { ...expr, set: name(expr.set, expr.setId) } : expr),
  );
  return { ...thing, exprs };
}

function listed(family: string, rule: string): string {
  const text = `table ${family} t {\n chain other { }\n chain c {\n ${rule}\n }\n }\n`;
  const things = compile(parse({ name: 'test', text })).ir.flatMap(({ thing }) =>
    thing.kind === 'flush' ? [] : [named(thing)],
  );
  const lines = printRuleset(delinearize(things, names)).split('\n');
  return lines
    .slice(lines.indexOf('\tchain c {') + 1, -3)
    .join('\n')
    .replaceAll('\t\t', '');
}

describe('a rule is listed as it was written', () => {
  test.each([
    ['ip', 'ip saddr 10.0.0.0/8 tcp dport 22 accept'],
    ['ip', 'ip saddr != 10.1.2.0/23'],
    ['inet', 'ip saddr 10.0.0.1 tcp dport { 22, 80-90 } counter packets 0 bytes 0 drop'],
    ['inet', 'ip protocol tcp tcp dport 22'],
    ['inet', 'icmpv6 type echo-request accept'],
    ['bridge', 'vlan id 100 ip saddr 10.0.0.1'],
    ['bridge', 'ether type 8021q vlan type ip'],
    ['ip6', 'ip6 dscp cs1 ip6 flowlabel 5'],
    ['ip', 'tcp flags syn / fin,syn,rst,ack'],
    ['ip', 'tcp flags ! fin,syn'],
    ['ip', 'ct state established,related accept'],
    ['ip', 'iifname "eth*" meta mark & 0x000000ff != 0x00000010'],
    ['ip', 'ip dscp set af11'],
    ['ip', 'meta mark set ip saddr map { 10.0.0.1 : 0x00000001, 10.0.1.0/24 : 0x00000003 }'],
    ['ip', 'ip saddr . tcp dport vmap { 10.0.0.1 . 22 : accept, 10.0.0.2 . 80 : jump other }'],
    ['inet', 'dnat ip to 10.0.0.1-10.0.0.9'],
    ['ip', 'tcp dport 80-90 dnat to 10.0.0.1:1000-1010 random,persistent'],
    ['ip', 'log prefix "x " group 2 limit rate over 10 mbytes/second burst 512 kbytes'],
    ['ip6', 'frag more-fragments 1 reject with icmpv6 no-route'],
    ['ip', 'tcp option maxseg size set 1360'],
    ['ip', 'meta hour "17:00"-"19:30:05" comment "late"'],
  ])('%s: %s', (family, rule) => {
    expect(listed(family, rule)).toBe(rule);
  });
});

describe('what goes without saying is left out, what nft spells otherwise is spelt so', () => {
  test.each([
    ['ip', 'ip protocol tcp tcp dport 22', 'tcp dport 22'],
    ['ip', 'meta l4proto udp udp sport 53', 'udp sport 53'],
    ['ip', 'tcp sport 1 tcp dport 2', 'tcp sport 1 tcp dport 2'],
    ['inet', 'meta nfproto ipv4 reject with icmp host-unreachable', 'reject with icmp host-unreachable'],
    ['ip', 'tcp dport 22 reject with tcp reset', 'tcp dport 22 reject with tcp reset'],
    ['ip', 'ip protocol tcp reject with tcp reset', 'reject with tcp reset'],
    ['ip', 'tcp dport { 443, 22, 80 }', 'tcp dport { 22, 80, 443 }'],
    ['ip', 'ip saddr 10.0.0.0-10.0.0.255', 'ip saddr 10.0.0.0-10.0.0.255'],
  ])('%s: %s', (family, rule, expected) => {
    expect(listed(family, rule)).toBe(expected);
  });
});
