/**
 * The op table: from the stable ids of abi/ops, which state in memory holds, to this build's function-table indices.
 * Filled by init and again after a restore, so it is not state itself; 0 is no function.
 */
import { ROOT_OPS_BYTES } from '../abi/layout';
import { opTable } from './root';

const OP_COUNT: u32 = ROOT_OPS_BYTES / 4;

/** Forgets all ops. */
export function opsInit(): void {
  memory.fill(opTable(), 0, ROOT_OPS_BYTES);
}

/** Op `id` is the function with index `fn` of the exported table. */
export function opSet(id: u32, fn: u32): void {
  assert(id !== 0 && id < OP_COUNT, 'opSet: no such id');
  store<u32>(opTable() + (id << 2), fn);
}

/** Function-table index of op `id`; 0 when nothing is registered, or the id is none. */
export function opIndex(id: u32): u32 {
  return id < OP_COUNT ? load<u32>(opTable() + (id << 2)) : 0;
}

/** Calls op `id`, a function (arg: usize) => void that must be registered. */
export function opCall1(id: u32, arg: usize): void {
  call_indirect<void>(opIndex(id), arg);
}
