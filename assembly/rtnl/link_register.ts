/** The end of every LINK_NEW of one device: into its namespace, or gone again. */
import { Ndo, NetDevice, devNdo, freeNetdev, notifyLink, registerNetdev } from '../dev/net_device';
import { Errno } from '../net/errno';
import { fillLink } from './link_fill';

/** Registers `dev` and answers in `body`; when `err` says that it is not fit, or there is no room, it is freed. */
export function linkRegister(dev: NetDevice, err: i32, body: usize): i32 {
  if (err === 0 && !registerNetdev(dev)) err = -Errno.ENFILE;
  if (err !== 0) {
    devNdo(dev, Ndo.UNINIT, 0, 0);
    freeNetdev(dev);
    return err;
  }
  fillLink(dev, body);
  notifyLink(dev, false);
  return 0;
}
