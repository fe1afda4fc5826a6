import { test, expect } from 'vitest';
import { createStack } from '../../src/stack.js';
test('the first secondary takes the place of a deleted primary when promote_secondaries is on', async () => {
  const stack = await createStack({ clock: 'virtual' });
  const [a, b] = [await stack.namespace('a'), await stack.namespace('b')];
  const [link] = await stack.veth([a, 'e0'], [b, 'e0']);
  for (const on of [0, 1]) {
    await a.setSysctl('net.ipv4.conf.e0.promote_secondaries', on);
    for (const cidr of ['10.0.0.1/24', '10.0.0.2/24', '10.0.0.3/24']) await link.addAddress(cidr);
    await link.deleteAddress('10.0.0.1/24');
    const left = (await link.addresses()).filter(({ address }) => address.startsWith('10.'));
    expect(left.map(({ address, flags }) => [address, flags & 1])).toEqual(
      on
        ? [
            ['10.0.0.2', 0],
            ['10.0.0.3', 1],
          ]
        : [],
    );
    const routes = (await a.routes(2)).filter(({ to }) => to === '10.0.0.0/24');
    expect(routes.map(({ src }) => src)).toEqual(on ? ['10.0.0.2'] : []);
  }
  await stack.close();
});
