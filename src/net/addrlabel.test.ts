import { expect, test } from 'vitest';
import { sortDestinations } from './addrlabel.js';

/** RFC 6724 10.2: candidates with the source chosen for each; what comes first. */
test.each([
  [
    'matching scope',
    [
      ['2001:db8:1::1', '2001:db8:1::2'],
      ['198.51.100.121', '169.254.13.78'],
    ],
    0,
  ],
  [
    'matching scope of IPv4',
    [
      ['2001:db8:1::1', 'fe80::1'],
      ['198.51.100.121', '198.51.100.117'],
    ],
    1,
  ],
  [
    'higher precedence',
    [
      ['10.1.2.3', '10.1.2.4'],
      ['2001:db8:1::1', '2001:db8:1::2'],
    ],
    1,
  ],
  [
    'smaller scope',
    [
      ['2001:db8:1::1', '2001:db8:1::2'],
      ['fe80::1', 'fe80::2'],
    ],
    1,
  ],
  [
    'matching label',
    [
      ['2001:db8:1::1', '2002:c633:6401::2'],
      ['2002:c633:6401::1', '2002:c633:6401::2'],
    ],
    1,
  ],
  [
    'higher precedence than 6to4',
    [
      ['2002:c633:6401::1', '2002:c633:6401::2'],
      ['2001:db8:1::1', '2001:db8:1::2'],
    ],
    1,
  ],
  [
    'longest matching prefix',
    [
      ['2001:db8:1::1', '2001:db8:3f44::2'],
      ['2001:db8:3ffe::1', '2001:db8:3f44::2'],
    ],
    1,
  ],
  [
    'usable',
    [
      ['2001:db8:1::1', undefined],
      ['10.1.2.3', '10.1.2.4'],
    ],
    1,
  ],
] as [string, [string, string | undefined][], number][])(
  'prefers a destination that is or has: %s',
  (_name, pairs, first) => {
    const all = pairs.map(([address, source]) => ({ address, source }));
    expect(sortDestinations(all)[0]).toBe(all[first]);
    expect(sortDestinations(all.toReversed())[0]).toBe(all[first]);
  },
);

test('leaves the order of equal ones, and puts those behind whose source is deprecated', () => {
  const one = { address: '10.0.0.1', source: '10.0.0.9' };
  const two = { address: '10.0.0.2', source: '10.0.0.9' };
  expect(sortDestinations([two, one])).toEqual([two, one]);
  const old = { address: '2001:db8:1::1', source: '2001:db8:1::2', deprecated: true };
  expect(sortDestinations([old, one])[0]).toBe(one);
});
