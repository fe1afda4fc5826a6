// biome-ignore-all lint/suspicious/noDuplicateEnumValues: MAX is the highest of a list
/**
 * The numbers of nf_tables' messages and attributes, as they are on the wire (Linux: include/uapi/linux/netfilter/
 * nf_tables.h): one enum a list of attributes, the kernel's prefix left off. MAX is the highest of a list.
 */

export enum NftMsg {
  NEWTABLE = 0,
  GETTABLE = 1,
  DELTABLE = 2,
  NEWCHAIN = 3,
  GETCHAIN = 4,
  DELCHAIN = 5,
  NEWRULE = 6,
  GETRULE = 7,
  DELRULE = 8,
  NEWSET = 9,
  GETSET = 10,
  DELSET = 11,
  NEWSETELEM = 12,
  GETSETELEM = 13,
  DELSETELEM = 14,
  NEWGEN = 15,
  GETGEN = 16,
  TRACE = 17,
  NEWOBJ = 18,
  GETOBJ = 19,
  DELOBJ = 20,
  GETOBJ_RESET = 21,
  NEWFLOWTABLE = 22,
  GETFLOWTABLE = 23,
  DELFLOWTABLE = 24,
  GETRULE_RESET = 25,
  DESTROYTABLE = 26,
  DESTROYCHAIN = 27,
  DESTROYRULE = 28,
  DESTROYSET = 29,
  DESTROYSETELEM = 30,
  DESTROYOBJ = 31,
  DESTROYFLOWTABLE = 32,
  GETSETELEM_RESET = 33,
}

export enum NftaHook {
  HOOKNUM = 1,
  PRIORITY = 2,
  DEV = 3,
  DEVS = 4,
  MAX = 4,
}

export enum NftaTable {
  NAME = 1,
  FLAGS = 2,
  USE = 3,
  HANDLE = 4,
  USERDATA = 6,
  OWNER = 7,
  MAX = 7,
}

export enum NftaChain {
  TABLE = 1,
  HANDLE = 2,
  NAME = 3,
  HOOK = 4,
  POLICY = 5,
  USE = 6,
  TYPE = 7,
  COUNTERS = 8,
  FLAGS = 10,
  ID = 11,
  USERDATA = 12,
  MAX = 12,
}

export enum NftaRule {
  TABLE = 1,
  CHAIN = 2,
  HANDLE = 3,
  EXPRESSIONS = 4,
  COMPAT = 5,
  POSITION = 6,
  USERDATA = 7,
  ID = 9,
  POSITION_ID = 10,
  CHAIN_ID = 11,
  MAX = 11,
}

export enum NftaSetDesc {
  SIZE = 1,
  CONCAT = 2,
  MAX = 2,
}

export enum NftaSetField {
  LEN = 1,
  MAX = 1,
}

export enum NftaSet {
  TABLE = 1,
  NAME = 2,
  FLAGS = 3,
  KEY_TYPE = 4,
  KEY_LEN = 5,
  DATA_TYPE = 6,
  DATA_LEN = 7,
  POLICY = 8,
  DESC = 9,
  ID = 10,
  TIMEOUT = 11,
  GC_INTERVAL = 12,
  USERDATA = 13,
  OBJ_TYPE = 15,
  HANDLE = 16,
  EXPR = 17,
  EXPRESSIONS = 18,
  TYPE = 19,
  COUNT = 20,
  MAX = 20,
}

export enum NftaSetElem {
  KEY = 1,
  DATA = 2,
  FLAGS = 3,
  TIMEOUT = 4,
  EXPIRATION = 5,
  USERDATA = 6,
  EXPR = 7,
  OBJREF = 9,
  KEY_END = 10,
  EXPRESSIONS = 11,
  MAX = 11,
}

export enum NftaSetElemList {
  TABLE = 1,
  SET = 2,
  ELEMENTS = 3,
  SET_ID = 4,
  MAX = 4,
}

export enum NftaData {
  VALUE = 1,
  VERDICT = 2,
  MAX = 2,
}

export enum NftaVerdict {
  CODE = 1,
  CHAIN = 2,
  CHAIN_ID = 3,
  MAX = 3,
}

export enum NftaExpr {
  NAME = 1,
  DATA = 2,
  MAX = 2,
}

export enum NftaImmediate {
  DREG = 1,
  DATA = 2,
  MAX = 2,
}

export enum NftaBitwise {
  SREG = 1,
  DREG = 2,
  LEN = 3,
  MASK = 4,
  XOR = 5,
  OP = 6,
  DATA = 7,
  SREG2 = 8,
  MAX = 8,
}

export enum NftaByteorder {
  SREG = 1,
  DREG = 2,
  OP = 3,
  LEN = 4,
  SIZE = 5,
  MAX = 5,
}

export enum NftCmpOp {
  EQ = 0,
  NEQ = 1,
  LT = 2,
  LTE = 3,
  GT = 4,
  GTE = 5,
}

export enum NftaCmp {
  SREG = 1,
  OP = 2,
  DATA = 3,
  MAX = 3,
}

export enum NftaRange {
  SREG = 1,
  OP = 2,
  FROM_DATA = 3,
  TO_DATA = 4,
  MAX = 4,
}

export enum NftaLookup {
  SET = 1,
  SREG = 2,
  DREG = 3,
  SET_ID = 4,
  FLAGS = 5,
  MAX = 5,
}

export enum NftaDynset {
  SET_NAME = 1,
  SET_ID = 2,
  OP = 3,
  SREG_KEY = 4,
  SREG_DATA = 5,
  TIMEOUT = 6,
  EXPR = 7,
  FLAGS = 9,
  EXPRESSIONS = 10,
  MAX = 10,
}

export enum NftaPayload {
  DREG = 1,
  BASE = 2,
  OFFSET = 3,
  LEN = 4,
  SREG = 5,
  CSUM_TYPE = 6,
  CSUM_OFFSET = 7,
  CSUM_FLAGS = 8,
  MAX = 8,
}

export enum NftaExthdr {
  DREG = 1,
  TYPE = 2,
  OFFSET = 3,
  LEN = 4,
  FLAGS = 5,
  OP = 6,
  SREG = 7,
  MAX = 7,
}

export enum NftMeta {
  LEN = 0,
  PROTOCOL = 1,
  PRIORITY = 2,
  MARK = 3,
  IIF = 4,
  OIF = 5,
  IIFNAME = 6,
  OIFNAME = 7,
  IFTYPE = 8,
  OIFTYPE = 9,
  SKUID = 10,
  SKGID = 11,
  NFTRACE = 12,
  RTCLASSID = 13,
  SECMARK = 14,
  NFPROTO = 15,
  L4PROTO = 16,
  BRI_IIFNAME = 17,
  BRI_OIFNAME = 18,
  PKTTYPE = 19,
  CPU = 20,
  IIFGROUP = 21,
  OIFGROUP = 22,
  CGROUP = 23,
  PRANDOM = 24,
  SECPATH = 25,
  IIFKIND = 26,
  OIFKIND = 27,
  BRI_IIFPVID = 28,
  BRI_IIFVPROTO = 29,
  TIME_NS = 30,
  TIME_DAY = 31,
  TIME_HOUR = 32,
  SDIF = 33,
  SDIFNAME = 34,
}

export enum NftRt {
  CLASSID = 0,
  NEXTHOP4 = 1,
  NEXTHOP6 = 2,
  TCPMSS = 3,
  XFRM = 4,
}

export enum NftaHash {
  SREG = 1,
  DREG = 2,
  LEN = 3,
  MODULUS = 4,
  SEED = 5,
  OFFSET = 6,
  TYPE = 7,
  SET_NAME = 8,
  SET_ID = 9,
  MAX = 9,
}

export enum NftaMeta {
  DREG = 1,
  KEY = 2,
  SREG = 3,
  MAX = 3,
}

export enum NftaRt {
  DREG = 1,
  KEY = 2,
  MAX = 2,
}

export enum NftaSocket {
  KEY = 1,
  DREG = 2,
  LEVEL = 3,
  MAX = 3,
}

export enum NftCt {
  STATE = 0,
  DIRECTION = 1,
  STATUS = 2,
  MARK = 3,
  SECMARK = 4,
  EXPIRATION = 5,
  HELPER = 6,
  L3PROTOCOL = 7,
  SRC = 8,
  DST = 9,
  PROTOCOL = 10,
  PROTO_SRC = 11,
  PROTO_DST = 12,
  LABELS = 13,
  PKTS = 14,
  BYTES = 15,
  AVGPKT = 16,
  ZONE = 17,
  EVENTMASK = 18,
  SRC_IP = 19,
  DST_IP = 20,
  SRC_IP6 = 21,
  DST_IP6 = 22,
  ID = 23,
}

export enum NftaCt {
  DREG = 1,
  KEY = 2,
  DIRECTION = 3,
  SREG = 4,
  MAX = 4,
}

export enum NftaFlow {
  TABLE_NAME = 1,
  MAX = 1,
}

export enum NftaLimit {
  RATE = 1,
  UNIT = 2,
  BURST = 3,
  TYPE = 4,
  FLAGS = 5,
  MAX = 5,
}

export enum NftaConnlimit {
  COUNT = 1,
  FLAGS = 2,
  MAX = 2,
}

export enum NftaCounter {
  BYTES = 1,
  PACKETS = 2,
  MAX = 2,
}

export enum NftaLast {
  SET = 1,
  MSECS = 2,
  MAX = 2,
}

export enum NftaLog {
  GROUP = 1,
  PREFIX = 2,
  SNAPLEN = 3,
  QTHRESHOLD = 4,
  LEVEL = 5,
  FLAGS = 6,
  MAX = 6,
}

export enum NftaQueue {
  NUM = 1,
  TOTAL = 2,
  FLAGS = 3,
  SREG_QNUM = 4,
  MAX = 4,
}

export enum NftaQuota {
  BYTES = 1,
  FLAGS = 2,
  CONSUMED = 4,
  MAX = 4,
}

export enum NftaReject {
  TYPE = 1,
  ICMP_CODE = 2,
  MAX = 2,
}

export enum NftaNat {
  TYPE = 1,
  FAMILY = 2,
  REG_ADDR_MIN = 3,
  REG_ADDR_MAX = 4,
  REG_PROTO_MIN = 5,
  REG_PROTO_MAX = 6,
  FLAGS = 7,
  MAX = 7,
}

export enum NftaTproxy {
  FAMILY = 1,
  REG_ADDR = 2,
  REG_PORT = 3,
  MAX = 3,
}

export enum NftaMasq {
  FLAGS = 1,
  REG_PROTO_MIN = 2,
  REG_PROTO_MAX = 3,
  MAX = 3,
}

export enum NftaRedir {
  REG_PROTO_MIN = 1,
  REG_PROTO_MAX = 2,
  FLAGS = 3,
  MAX = 3,
}

export enum NftaDup {
  SREG_ADDR = 1,
  SREG_DEV = 2,
  MAX = 2,
}

export enum NftaFwd {
  SREG_DEV = 1,
  SREG_ADDR = 2,
  NFPROTO = 3,
  MAX = 3,
}

export enum NftaObjref {
  IMM_TYPE = 1,
  IMM_NAME = 2,
  SET_SREG = 3,
  SET_NAME = 4,
  SET_ID = 5,
  MAX = 5,
}

export enum NftaGen {
  ID = 1,
  PROC_PID = 2,
  PROC_NAME = 3,
  MAX = 3,
}

export enum NftaFib {
  DREG = 1,
  RESULT = 2,
  FLAGS = 3,
  MAX = 3,
}

export enum NftaCtHelper {
  NAME = 1,
  L3PROTO = 2,
  L4PROTO = 3,
  MAX = 3,
}

export enum NftaCtTimeout {
  L3PROTO = 1,
  L4PROTO = 2,
  DATA = 3,
  MAX = 3,
}

export enum NftaCtExpect {
  L3PROTO = 1,
  L4PROTO = 2,
  DPORT = 3,
  TIMEOUT = 4,
  SIZE = 5,
  MAX = 5,
}

export enum NftaObj {
  TABLE = 1,
  NAME = 2,
  TYPE = 3,
  DATA = 4,
  USE = 5,
  HANDLE = 6,
  USERDATA = 8,
  MAX = 8,
}

export enum NftaFlowtable {
  TABLE = 1,
  NAME = 2,
  HOOK = 3,
  USE = 4,
  HANDLE = 5,
  FLAGS = 7,
  MAX = 7,
}

export enum NftaFlowtableHook {
  NUM = 1,
  PRIORITY = 2,
  DEVS = 3,
  MAX = 3,
}

export enum NftaOsf {
  DREG = 1,
  TTL = 2,
  FLAGS = 3,
  MAX = 3,
}

export enum NftaSynproxy {
  MSS = 1,
  WSCALE = 2,
  FLAGS = 3,
  MAX = 3,
}

export enum NftaNg {
  DREG = 1,
  MODULUS = 2,
  TYPE = 3,
  OFFSET = 4,
  SET_NAME = 5,
  SET_ID = 6,
  MAX = 6,
}

/** Of every list of things: the thing. */
export const NFTA_LIST_ELEM: u32 = 1;
export const NFTA_DEVICE_NAME: u32 = 1;

export const NFT_TABLE_F_DORMANT: u32 = 1;
export const NFT_TABLE_F_OWNER: u32 = 2;
export const NFT_TABLE_F_PERSIST: u32 = 4;

export const NFT_CHAIN_BASE: u32 = 1;
export const NFT_CHAIN_HW_OFFLOAD: u32 = 2;
export const NFT_CHAIN_BINDING: u32 = 4;

export const NFT_SET_ANONYMOUS: u32 = 0x1;
export const NFT_SET_CONSTANT: u32 = 0x2;
export const NFT_SET_INTERVAL: u32 = 0x4;
export const NFT_SET_MAP: u32 = 0x8;
export const NFT_SET_TIMEOUT: u32 = 0x10;
export const NFT_SET_EVAL: u32 = 0x20;
export const NFT_SET_OBJECT: u32 = 0x40;
export const NFT_SET_CONCAT: u32 = 0x80;
export const NFT_SET_EXPR: u32 = 0x100;

export const NFT_SET_ELEM_INTERVAL_END: u32 = 1;
export const NFT_SET_ELEM_CATCHALL: u32 = 2;

export const NFT_DATA_VALUE: u32 = 0;
export const NFT_DATA_VERDICT: u32 = 0xffffff00;
export const NFT_DATA_RESERVED_MASK: u32 = 0xffffff00;
export const NFT_DATA_VALUE_MAXLEN: u32 = 64;

export const NFT_CONTINUE: i32 = -1;
export const NFT_BREAK: i32 = -2;
export const NFT_JUMP: i32 = -3;
export const NFT_GOTO: i32 = -4;
export const NFT_RETURN: i32 = -5;

export const NFT_NAME_MAXLEN: u32 = 256;
export const NFT_USERDATA_MAXLEN: u32 = 256;
export const NFT_JUMP_STACK_SIZE: u32 = 16;
/** Elements' expressions at most. */
export const NFT_SET_EXPR_MAX: u32 = 2;
/** Fields of a concatenation at most. */
export const NFT_REG32_COUNT: u32 = 16;

export enum NftObject {
  COUNTER = 1,
  QUOTA = 2,
  CT_HELPER = 3,
  LIMIT = 4,
  CONNLIMIT = 5,
  TUNNEL = 6,
  CT_TIMEOUT = 7,
  SECMARK = 8,
  CT_EXPECT = 9,
  SYNPROXY = 10,
}

export enum NftTraceType {
  POLICY = 1,
  RETURN = 2,
  RULE = 3,
}
