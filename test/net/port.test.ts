import { expect, test } from 'vitest';
import { createStack } from '../../src/stack.js';
import { ScriptDriver } from '../script_driver.js';

test('deleting the link of a port closes its driver, and the stack runs on', async () => {
  const stack = await createStack({ clock: 'virtual' });
  const ns = await stack.namespace('r');
  const [gone, stays] = [new ScriptDriver(), new ScriptDriver()];
  const link = await stack.port(ns, gone, { name: 'a0', mac: '02:00:00:00:00:01' });
  await stack.port(ns, stays, { name: 'b0', mac: '02:00:00:00:00:02' });
  await link.delete();
  gone.input.push(new Uint8Array(64));
  stays.input.push(new Uint8Array(64));
  stack.run(1000);
  expect([gone.closed, gone.input.length, stays.input.length]).toEqual([1, 1, 0]);
  expect((await ns.links()).map(({ name }) => name)).toEqual(['lo', 'b0']);
  await stack.close();
});
