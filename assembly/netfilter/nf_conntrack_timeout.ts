/**
 * Timeout policies: a connection may have timeouts of its own instead of the sysctls' (`ct timeout` of nft). The
 * object's values, milliseconds by state, belong to who made it and outlive the connections that use them: it is
 * reference-counted. Linux: nf_conntrack_timeout.c.
 *
 *   NfCtTimeout │ refs u32 │ n u32 │ l3num u8, proto u8 │ values u32[n] by the states of the protocol
 */
import { kfree, kzalloc } from '../lib/kmalloc';
import { NF_CT_EXTRA_POLICY, NfConn } from './nf_conntrack';

const VALUES_OFFSET: usize = 12;

/** A policy of `n` values, all 0 (the sysctl's), with one reference; 0: no memory. */
export function nfCtTimeoutAlloc(l3num: u8, proto: u8, n: u32): usize {
  const p = kzalloc(VALUES_OFFSET + n * 4);
  if (p === 0) return 0;
  store<u32>(p, 1);
  store<u32>(p, n, 4);
  store<u8>(p, l3num, 8);
  store<u8>(p, proto, 9);
  return p;
}

export function nfCtTimeoutSetValue(p: usize, state: u32, ms: u32): void {
  if (state < load<u32>(p, 4)) store<u32>(p + (state << 2), ms, VALUES_OFFSET);
}

export function nfCtTimeoutValue(p: usize, state: u32): u32 {
  return state < load<u32>(p, 4) ? load<u32>(p + (state << 2), VALUES_OFFSET) : 0;
}

/** Who made it ends it: connections that still have it go by the sysctls again. Linux: nf_ct_untimeout. */
export function nfCtUntimeout(p: usize): void {
  store<u32>(p, 0, 4);
  nfCtTimeoutPut(p);
}

export function nfCtTimeoutPut(p: usize): void {
  if (p === 0) return;
  const refs = load<u32>(p) - 1;
  store<u32>(p, refs);
  if (refs === 0) kfree(p);
}

/** Makes `policy` the connection's, which holds it. */
export function nfCtTimeoutAttach(ct: NfConn, policy: usize): void {
  if (ct.timeoutPolicy === policy) return;
  nfCtTimeoutPut(ct.timeoutPolicy);
  if (policy !== 0) store<u32>(policy, load<u32>(policy) + 1);
  ct.timeoutPolicy = policy;
  ct.extras = policy === 0 ? ct.extras & ~NF_CT_EXTRA_POLICY : ct.extras | NF_CT_EXTRA_POLICY;
}

/** Milliseconds for `state` by the connection's policy; 0: the sysctl's. */
export function nfCtPolicyTimeout(ct: NfConn, state: u32): u32 {
  if ((ct.extras & NF_CT_EXTRA_POLICY) === 0) return 0;
  const p = ct.timeoutPolicy;
  if (state >= load<u32>(p, 4)) return 0;
  return load<u32>(p + (state << 2), VALUES_OFFSET);
}
