/**
 * A histogram of latencies in linear memory: 64 equal buckets for each power of two (as HdrHistogram has them), so that
 * every value is known to 1/64 of itself and a record takes one addition. abi/pktgen has the picture.
 */
import { PKTGEN_BUCKETS, PKTGEN_LAT_BITS, PKTGEN_SUB_BITS } from '../abi/pktgen';

export const HISTOGRAM_BYTES: u32 = PKTGEN_BUCKETS << 3;

const SUB: u32 = 1 << PKTGEN_SUB_BITS;

/** Bucket of `ns`, which is below 2^PKTGEN_LAT_BITS. */
export function histogramBucket(ns: u64): u32 {
  if (ns < SUB) return <u32>ns;
  const e = 63 - <u32>clz<u64>(ns) - PKTGEN_SUB_BITS;
  return (e << PKTGEN_SUB_BITS) + <u32>(ns >> e);
}

/** Least value of a bucket. */
export function histogramLow(bucket: u32): u64 {
  if (bucket < SUB) return bucket;
  const e = (bucket >> PKTGEN_SUB_BITS) - 1;
  return (<u64>(SUB + (bucket & (SUB - 1)))) << e;
}

/** Counts `ns`; false when it is too long to be plausible. */
export function histogramRecord(histogram: usize, ns: u64): bool {
  if (ns >> PKTGEN_LAT_BITS !== 0) return false;
  const at = histogram + (histogramBucket(ns) << 3);
  store<u64>(at, load<u64>(at) + 1);
  return true;
}

/**
 * The nearest-rank percentile of `count` recorded values: the least value of the bucket in which the one of rank
 * ceil(count * perMille / 1000) lies; 0 when nothing was recorded.
 */
export function histogramPercentile(histogram: usize, count: u64, perMille: u32): u64 {
  if (count === 0) return 0;
  // In two steps, so that a count near to 2^64 does not overflow.
  const rank = (count / 1000) * perMille + ((count % 1000) * perMille + 999) / 1000;
  let seen: u64 = 0;
  for (let bucket: u32 = 0; bucket < PKTGEN_BUCKETS; bucket++) {
    seen += load<u64>(histogram + (bucket << 3));
    if (seen >= rank) return histogramLow(bucket);
  }
  return histogramLow(PKTGEN_BUCKETS - 1);
}
