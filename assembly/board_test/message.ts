/** Requests to the core (abi/request): msg() begins one in the request area, send() has it handled. */
import { BoardTestKind } from '../abi/board_test';
import { Msg } from '../abi/request';
import { request } from './core';
import { lab } from './lab';
import { logRecord } from './log';

/** A zeroed record of `bytes` for a request; returns where it is. */
export function msg(type: u32, bytes: u32, flags: u32 = 0): usize {
  const at = lab().requestArea;
  const len = <u32>Msg.BODY + ((bytes + 7) & ~7);
  memory.fill(at, 0, len);
  store<u32>(at, len, Msg.LEN);
  store<u32>(at, type, Msg.TYPE);
  store<u32>(at, flags, Msg.FLAGS);
  return at + Msg.BODY;
}

/** Its status, which goes into the log as well. */
export function send(): i32 {
  const l = lab();
  const at = l.requestArea;
  request(<u32>l.now, <u32>(l.now >> 32), load<u32>(at, Msg.LEN));
  const result = load<i32>(at, Msg.STATUS);
  if (result < 0) l.refused++;
  logRecord(BoardTestKind.REQUEST, load<u32>(at, Msg.TYPE), <u32>result, at, 0);
  return result;
}
