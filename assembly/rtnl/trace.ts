/** TRACE_SET: what is recorded of packets' ways (skb/trace). */
import { TraceSetRec } from '../abi/request';
import { Errno } from '../net/errno';
import { traceOff, traceSet } from '../skb/trace';

const RING_MIN: u32 = 4096;
const RING_MAX: u32 = 1 << 24;

export function requestTrace(body: usize, len: u32): i32 {
  if (len < <u32>TraceSetRec.SIZE) return -Errno.EINVAL;
  const flags = load<u32>(body, TraceSetRec.FLAGS);
  if (flags === 0) {
    traceOff();
    return 0;
  }
  const bytes = load<u32>(body, TraceSetRec.BYTES);
  if ((bytes & (bytes - 1)) !== 0 || bytes < RING_MIN || bytes > RING_MAX) return -Errno.EINVAL;
  const ring = traceSet(flags, bytes, load<u32>(body, TraceSetRec.SNAPLEN));
  if (ring === 0) return -Errno.ENOMEM;
  store<u32>(body, ring, TraceSetRec.RING);
  return 0;
}
