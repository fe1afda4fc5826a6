/**
 * Places of SkBuff's fields (skb/sk_buff, which asserts them) for who looks into one from outside of the core's module:
 * replay, tests.
 */
export enum SkbField {
  QUEUE_MAPPING = 58,
  HASH = 76,
  TRACE_ID = 96,
}
