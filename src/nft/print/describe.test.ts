import { expect, test } from 'vitest';
import { systemNames } from '../datatype/names.js';
import { parse } from '../grammar/parse.js';
import { describeText } from './describe.js';

/** First lines of what nft 1.0.6 says. */
test.each([
  [
    'tcp dport',
    'payload expression, datatype inet_service (internet network service) (basetype integer), 16 bits',
  ],
  [
    'ip dscp',
    'payload expression, datatype dscp (Differentiated Services Code Point) (basetype integer), 6 bits',
  ],
  ['iifname', 'meta expression, datatype ifname (network interface name) (basetype string), 16 characters'],
  ['@nh,0,8', 'payload expression, datatype integer (integer) (basetype integer), 8 bits'],
  ['exthdr frag', 'exthdr expression, datatype inet_proto (Internet protocol) (basetype integer), 8 bits'],
  ['ipsec in spi', 'xfrm expression, datatype integer (integer), 32 bits'],
  ['ifname', 'datatype ifname (network interface name) (basetype string), 128 bits'],
  ['nonsense', 'symbol expression, datatype invalid (invalid)'],
])('%s', (what, first) => {
  const [command] = parse({ name: 'x', text: `describe ${what}\n` });
  expect(command?.kind === 'describe' && describeText(command.expr, systemNames()).split('\n')[0]).toBe(
    first,
  );
});

test('names of values, in the order of their bytes only for a type alone', () => {
  const lines = (what: string) => {
    const [command] = parse({ name: 'x', text: `describe ${what}\n` });
    return command?.kind === 'describe' ? describeText(command.expr, systemNames()).split('\n') : [];
  };
  expect(lines('ether type')).toContain('\tip                            \t0x0800');
  expect(lines('ether_type')).toContain('\tip                            \t0x0008');
  expect(lines('inet_proto')).toContain('\ttcp                           \t6');
});
