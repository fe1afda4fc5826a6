import { describe, expect, it } from 'vitest';
import { dependencies, selectModules } from './modules.js';

const DEP = `kernel/net/8021q/8021q.ko: kernel/net/802/mrp.ko kernel/net/802/garp.ko kernel/net/llc/llc.ko
kernel/net/802/garp.ko: kernel/net/llc/llc.ko
kernel/net/802/mrp.ko:
kernel/net/llc/llc.ko:
kernel/drivers/char/virtio-rng.ko:
`;

describe('modules.dep', () => {
  it('gives the order in which modules can be loaded', () => {
    expect(dependencies(DEP, ['8021q', 'virtio_rng'])).toEqual([
      'kernel/net/llc/llc.ko',
      'kernel/net/802/garp.ko',
      'kernel/net/802/mrp.ko',
      'kernel/net/8021q/8021q.ko',
      'kernel/drivers/char/virtio-rng.ko',
    ]);
  });

  it('names a module that is not there', () => {
    expect(() => dependencies(DEP, ['bonding'])).toThrow('no module bonding');
  });

  it('adds to the modules that a pattern matches those that they need', () => {
    expect(selectModules(DEP, [/^net\/802\//])).toEqual([
      'kernel/net/802/garp.ko',
      'kernel/net/802/mrp.ko',
      'kernel/net/llc/llc.ko',
    ]);
  });
});
