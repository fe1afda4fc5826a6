/** dummy devices. */
import { dummyCreate } from '../dev/dummy';
import { Errno } from '../net/errno';
import { Net } from '../net/net';
import { configureRandom } from './link_conf';
import { linkRegister } from './link_register';

export function dummyNew(net: Net, body: usize): i32 {
  const dev = dummyCreate(net);
  if (dev === null) return -Errno.ENOMEM;
  return linkRegister(dev, configureRandom(dev, body), body);
}
