/**
 * Helpers: protocols that name another connection in their payload (FTP, TFTP). A ruleset gives a connection its
 * helper (`ct helper set`); there is none by port number alone. Linux: nf_conntrack_helper.c.
 */
import { kfree, kzalloc } from '../lib/kmalloc';
import { NF_ACCEPT } from '../net/hooks';
import { SkBuff } from '../skb/sk_buff';
import { IPS_CONFIRMED, IPS_HELPER, IPS_NAT_MASK, NF_CT_EXTRA_HELP, NfConn, nfTuple } from './nf_conntrack';
import { nfFtpHelp } from './nf_conntrack_ftp';
import { nfCtSeqadjExtAdd } from './nf_conntrack_seqadj';
import { nfTftpHelp } from './nf_conntrack_tftp';
import { IPPROTO_TCP, IPPROTO_UDP } from './nf_conntrack_tuple';

/** Numbers of the helpers; names in src/net/conntrack and nfCtHelperByName. */
export const NF_CT_HELPER_FTP: u32 = 1;
export const NF_CT_HELPER_TFTP: u32 = 2;

/** What a helper keeps of a connection. */
@unmanaged
@final
export class NfConnHelp {
  helper: u32;
  /** NfExpect list and its length. */
  expects: usize;
  expecting: u32;
  pad: u32;
  data0: u64;
  data1: u64;
  data2: u64;
  data3: u64;
}

const DATA_OFFSET: usize = 16;

/** 32 bytes for the helper. */
export function nfCtHelpData(ct: NfConn): usize {
  return ct.help + DATA_OFFSET;
}

export function nfCtHelp(ct: NfConn): NfConnHelp {
  return changetype<NfConnHelp>(ct.help);
}

/** The protocol that a helper reads; 0: there is no such helper. */
export function nfCtHelperProto(helper: u32): u32 {
  if (helper === NF_CT_HELPER_FTP) return IPPROTO_TCP;
  if (helper === NF_CT_HELPER_TFTP) return IPPROTO_UDP;
  return 0;
}

/** Number of the helper with the name of `len` bytes at `name`; 0: none. */
export function nfCtHelperByName(name: usize, len: u32): u32 {
  while (len > 0 && load<u8>(name + len - 1) === 0) len--;
  if (len === 3 && load<u8>(name) === 0x66 && load<u8>(name, 1) === 0x74 && load<u8>(name, 2) === 0x70) {
    return NF_CT_HELPER_FTP;
  }
  // "tftp"
  return len === 4 && load<u32>(name) === 0x70746674 ? NF_CT_HELPER_TFTP : 0;
}

/** Writes the helper's name (at most 8 bytes, zero-terminated) and returns its length. */
export function nfCtHelperName(helper: u32, to: usize): u32 {
  store<u64>(to, helper === NF_CT_HELPER_TFTP ? 0x70746674 : helper === NF_CT_HELPER_FTP ? 0x707466 : 0);
  return helper === NF_CT_HELPER_TFTP ? 4 : helper === NF_CT_HELPER_FTP ? 3 : 0;
}

/** `ct helper set`: of a connection that is not confirmed yet, and of its protocol. False: it stays without. */
export function nfCtHelperAssign(ct: NfConn, helper: u32): bool {
  if ((ct.status & IPS_CONFIRMED) !== 0 || <u32>nfTuple(ct, 0).proto !== nfCtHelperProto(helper))
    return false;
  if (!nfCtHelpAdd(ct, helper)) return false;
  ct.status |= IPS_HELPER;
  if ((ct.status & IPS_NAT_MASK) !== 0 && helper === NF_CT_HELPER_FTP) return nfCtSeqadjExtAdd(ct);
  return true;
}

export function nfCtHelpAdd(ct: NfConn, helper: u32): bool {
  if (ct.help === 0) ct.help = kzalloc(offsetof<NfConnHelp>());
  if (ct.help === 0) return false;
  ct.extras |= NF_CT_EXTRA_HELP;
  nfCtHelp(ct).helper = helper;
  return true;
}

export function nfCtHelpFree(ct: NfConn): void {
  kfree(ct.help);
  ct.help = 0;
}

export function nfCtHelpFromTemplate(ct: NfConn, tmpl: NfConn): void {
  if (tmpl.help !== 0 && nfCtHelp(tmpl).helper !== 0) nfCtHelperAssign(ct, nfCtHelp(tmpl).helper);
}

/** The helper reads the packet: NF_ACCEPT or NF_DROP. Upper layer at `dataoff` from data. */
export function nfCtHelpCall(ct: NfConn, skb: SkBuff, dataoff: u32, info: u32): i32 {
  switch (nfCtHelp(ct).helper) {
    case NF_CT_HELPER_FTP:
      return nfFtpHelp(ct, skb, dataoff, info);
    case NF_CT_HELPER_TFTP:
      return nfTftpHelp(ct, skb, dataoff, info);
    default:
      return NF_ACCEPT;
  }
}
