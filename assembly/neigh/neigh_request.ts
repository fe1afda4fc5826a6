/**
 * Neighbours as an administrator sees them: `ip neigh add | change | replace | del`. Linux: neigh_add, neigh_delete.
 */
import { NetDevice } from '../dev/net_device';
import { Errno } from '../net/errno';
import { AF_INET, AF_INET6, Net } from '../net/net';
import {
  NEIGH_UPDATE_F_ADMIN,
  NEIGH_UPDATE_F_ISROUTER,
  NEIGH_UPDATE_F_OVERRIDE,
  NEIGH_UPDATE_F_OVERRIDE_ISROUTER,
  NEIGH_UPDATE_F_USE,
  NTF_EXT_LEARNED,
  NTF_ROUTER,
  NTF_USE,
  NUD_FAILED,
  NUD_PERMANENT,
  neighCreateNew,
  neighEventSend,
  neighHold,
  neighLookup,
  neighPut,
  neighRemove,
  neighUpdate,
} from './neighbour';

/** Beside NTF_* in `flags` of neighAdd: Linux's NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE. */
export const NEIGH_ADD_CREATE: u32 = 0x100;
export const NEIGH_ADD_EXCL: u32 = 0x200;
export const NEIGH_ADD_REPLACE: u32 = 0x400;

function deviceOf(net: Net, family: u32, dev: NetDevice): i32 {
  if (family !== AF_INET && family !== AF_INET6) return -Errno.EAFNOSUPPORT;
  return dev.net === net ? 0 : -Errno.ENODEV;
}

/** `key` has 4 or 16 bytes, `lladdr` 6 or is 0; `state` is a NUD_*, `flags` NTF_* and NEIGH_ADD_*. 0 or -errno. */
export function neighAdd(
  net: Net,
  family: u32,
  key: usize,
  dev: NetDevice,
  lladdr: usize,
  state: u32,
  flags: u32,
): i32 {
  const err = deviceOf(net, family, dev);
  if (err !== 0) return err;
  if (state > 0xff || popcnt(state) > 1) return -Errno.EINVAL;
  let update = NEIGH_UPDATE_F_ADMIN | NEIGH_UPDATE_F_OVERRIDE | NEIGH_UPDATE_F_OVERRIDE_ISROUTER;
  let neigh = neighLookup(family, key, dev);
  const made = neigh === null;
  if (neigh === null) {
    if ((flags & NEIGH_ADD_CREATE) === 0) return -Errno.ENOENT;
    const exempt = state === NUD_PERMANENT || (flags & NTF_EXT_LEARNED) !== 0;
    neigh = neighCreateNew(family, key, dev, exempt);
    if (neigh === null) return -Errno.ENOBUFS;
  } else {
    if ((flags & NEIGH_ADD_EXCL) !== 0) return -Errno.EEXIST;
    if ((flags & NEIGH_ADD_REPLACE) === 0)
      update &= ~(NEIGH_UPDATE_F_OVERRIDE | NEIGH_UPDATE_F_OVERRIDE_ISROUTER);
  }
  if ((flags & NTF_ROUTER) !== 0) update |= NEIGH_UPDATE_F_ISROUTER;
  if ((flags & NTF_USE) !== 0) update |= NEIGH_UPDATE_F_USE;
  const p = changetype<usize>(neigh);
  neighHold(p);
  if ((flags & NTF_EXT_LEARNED) !== 0) neigh.flags |= <u8>NTF_EXT_LEARNED;
  const result = neighUpdate(neigh, lladdr, state, update);
  if (result === 0 && (flags & NTF_USE) !== 0 && neigh.dead === 0) neighEventSend(neigh, 0);
  // An entry that never became anything, and that no collector may take, would stay for ever.
  if (result !== 0 && made && neigh.dead === 0) neighRemove(neigh);
  neighPut(p);
  return result;
}

/** Takes an entry out, whatever its state; what waits for it fails. -ENOENT when there is none. */
export function neighDelete(net: Net, family: u32, key: usize, dev: NetDevice): i32 {
  const err = deviceOf(net, family, dev);
  if (err !== 0) return err;
  const neigh = neighLookup(family, key, dev);
  if (neigh === null) return -Errno.ENOENT;
  const p = changetype<usize>(neigh);
  neighHold(p);
  neighUpdate(neigh, 0, NUD_FAILED, NEIGH_UPDATE_F_OVERRIDE | NEIGH_UPDATE_F_ADMIN);
  if (neigh.dead === 0) neighRemove(neigh);
  neighPut(p);
  return 0;
}
