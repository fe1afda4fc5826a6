/**
 * What assembly/board_test shares with who runs it: a test in Node, or the firmware. It works on the core's linear
 * memory, in places above the core's own:
 *
 *   core: 0 ... MEMORY │ DATA: constants of board_test │ STATE │ RESULT │ LOG: a window │ FRAME: scratch │ END
 */
/** A core under test has so many bytes; that with ten thousand routes has all up to DATA. */
export const BOARD_TEST_MEMORY: u32 = 0x20_0000;
/** Given to asc as --memoryBase. */
export const BOARD_TEST_DATA: u32 = 0xc0_0000;
export const BOARD_TEST_STATE: u32 = 0xc0_8000;
export const BOARD_TEST_RESULT: u32 = 0xc0_c000;
export const BOARD_TEST_LOG: u32 = 0xc1_0000;
export const BOARD_TEST_LOG_BYTES: u32 = 0x1_0000;
export const BOARD_TEST_FRAME: u32 = 0xc2_0000;
export const BOARD_TEST_END: u32 = 0xc4_0000;
/** Frames that a block of the oracle hands to the core, at least. */
export const BOARD_TEST_BLOCK_FRAMES: u32 = 100;

/** run(op, a, b, c): what is done; the rest is answered at BOARD_TEST_RESULT. */
export enum BoardTestOp {
  /** A block of the oracle: seed in two words, first byte of the log that is wanted. 0, or a negative errno. */
  BLOCK = 1,
  /** Vector a (VECTORS): its name comes back. 1 passed, 0 failed, -ENOENT behind the last. */
  VECTOR = 2,
  /** Prepares benchmark a (BoardTestBench); b: 1 with half a megabyte of memory. 0, or what went wrong. */
  BENCH = 3,
  /** Makes ready for the next STEP; returns how many operations it is. */
  FILL = 4,
  /** What is measured. */
  STEP = 5,
  /** How many of the operations of the last STEP came out right. */
  CHECK = 6,
  /** The message in the first a bytes of the request area, its namespace filled in; the area's address ... */
  REQUEST = 7,
  /** ... comes from here. */
  REQUEST_AREA = 8,
}

export enum BoardTestBench {
  /** csumPartial of 1,500 bytes. */
  CHECKSUM_1500 = 1,
  /** Ethernet, IPv4 with its checksum, UDP: checked and read. */
  PARSE = 2,
  /** Lookups of random destinations in a FIB of 10,000 prefixes, beyond the caches of routes. */
  FIB_10K = 3,
  /** Frames of 64 bytes from ring to ring, 32 flows, 32 to a burst. */
  FORWARD = 4,
  /** The same through connection tracking, NAT and the rules of a home, which the host loads. */
  HOME_ROUTER = 5,
}

/** The name of a vector: bytes at RESULT, ended by a 0. */
export const BOARD_TEST_NAME_MAX: u32 = 56;

/** Left at BOARD_TEST_RESULT by BLOCK. */
export enum BoardTestResult {
  /** u64: of every record of the log. */
  HASH = 0,
  /** u32: bytes of the log; those from FROM on, LOG_BYTES at most, lie in the window. */
  LOG_BYTES = 8,
  FROM = 12,
  /** u32: frames in and out, packets dropped, records that the core's rings lost. */
  FRAMES_IN = 16,
  FRAMES_OUT = 20,
  DROPS = 24,
  LOST = 28,
  /** u32: what came of it, for a test that the generator is no empty one: frames forwarded, connections, deliveries, requests refused. */
  FORWARDED = 32,
  CONNECTIONS = 36,
  DELIVERIES = 40,
  REFUSED = 44,
  SIZE = 64,
}

/** A record of the log: what the core did, in order. LEN bytes behind it, padded to a multiple of 4. */
export enum BoardTestLog {
  KIND = 0,
  A = 4,
  B = 8,
  LEN = 12,
  SIZE = 16,
}
export enum BoardTestKind {
  /** A request: A = MsgType, B = its status. */
  REQUEST = 1,
  /** A frame handed in: A = port; its bytes. */
  IN = 2,
  /** A frame that a port sent: A = port, B = ms of the clock; its bytes, vnet header first. */
  OUT = 3,
  /** A record of the event ring; a delivery: A = kind, B = socket or queue, the packet. */
  EVENT = 4,
  DELIVERY = 5,
  /** Trace records. */
  TRACE = 6,
  /** At the end: SNMP counters, counters of drops by reason, of a device (A), answers to dumps (A = type). */
  MIB = 7,
  DROPS = 8,
  STATS = 9,
  DUMP = 10,
  /** Records lost by a ring: A = which. */
  LOST = 11,
}
