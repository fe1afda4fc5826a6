/** What a bridge tells of a frame's way (abi/trace, TraceKind.BRIDGE). Callers look at root().trace first. */
import { TraceBridge, TraceKind } from '../abi/trace';
import { SkBuff } from '../skb/sk_buff';
import { traceData } from '../skb/trace';
import { FDB_LOCAL, FdbEntry } from './br_fdb';
import { BrPort } from './br_private';

/** A step about the frame's destination. `p`: the port that it is about, or 0. */
export function brTraceDest(step: TraceBridge, skb: SkBuff, p: usize, vid: u32, b: u32): void {
  trace(step, skb, p, vid, b, skb.macHeader);
}

/** A step about the frame's sender. */
export function brTraceSource(step: TraceBridge, skb: SkBuff, p: usize, vid: u32, b: u32): void {
  trace(step, skb, p, vid, b, skb.macHeader + 6);
}

/** What the table says of the receiver. */
export function brTraceFound(found: FdbEntry | null, skb: SkBuff, vid: u32): void {
  if (found === null) brTraceDest(TraceBridge.FLOOD, skb, 0, vid, 0);
  else if ((found.flags & FDB_LOCAL) !== 0) brTraceDest(TraceBridge.LOCAL, skb, 0, vid, 0);
  else brTraceDest(TraceBridge.FOUND, skb, found.dst, vid, 0);
}

function trace(step: TraceBridge, skb: SkBuff, p: usize, vid: u32, b: u32, mac: usize): void {
  const dev = p === 0 ? skb.dev : changetype<BrPort>(p).dev;
  traceData(TraceKind.BRIDGE, step, changetype<usize>(skb), dev, vid, b, 0, 0, mac, 6);
}
