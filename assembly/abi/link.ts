/**
 * What a board and its host say to each other over a serial line (firmware/link/README.md has the pictures). One
 * definition: firmware/link/generate.mjs makes link_abi.h of this file, and src/drivers/serial reads it as it is.
 * Offsets in bytes, little-endian, every field at a multiple of its size.
 *
 *   00 │ COBS( LinkHeader │ payload │ u32 CRC-32 of both ) │ 00
 */
export const LINK_VERSION: u32 = 1;
/** "WWLK": begins what is said before both sides know each other. */
export const LINK_MAGIC: u32 = 0x4b4c5757;
export const LINK_PAYLOAD_MAX: u32 = 2048;
/** Header, payload, CRC, what COBS adds (one byte, and one more for 254), a delimiter at either end. */
export const LINK_WIRE_MAX: u32 = 2080;
/** Both sides say at least so often that they live. */
export const LINK_HEARTBEAT_MS: u32 = 100;
/** After so much silence a host believes the board gone, and says HELLO. */
export const LINK_SILENCE_MS: u32 = 1000;
/** A board waits longer: nothing is lost by it, for a HELLO is answered at any time. */
export const LINK_BOARD_SILENCE_MS: u32 = 3000;
export const LINK_HELLO_MS: u32 = 300;

export enum LinkType {
  /** Host to board: LinkHello. The only frame that a board without a session answers. */
  HELLO = 1,
  /** Board to host: LinkWelcome, the first frame of a session. */
  WELCOME = 2,
  /** Board to host: LinkBoot; after a start, and to whom speaks of a session that is not there. */
  BOOT = 3,
  /** Board to host: LinkTrap, the last word before a reboot. */
  TRAP = 4,
  /** Both: LinkHeartbeat. */
  HEARTBEAT = 5,
  /** Host to board: the session ends; nothing behind it. */
  BYE = 6,
  /** Both: LinkFrame and an Ethernet frame. */
  FRAME = 8,
  /** Board to host: LinkPort; when it changes, and once a second. */
  PORT = 9,
  /** Board to host: text for the log. */
  LOG = 10,
  /** Board to host: LinkCoreNote; records wait in rings of the core. Said again until they were taken. */
  CORE_NOTE = 11,
  /** Host to board: LinkCall and its data; the same ID again is answered again, but not done again. */
  CALL = 16,
  /** Board to host: LinkResult and its data. */
  RESULT = 17,
}

export enum LinkHeader {
  /** u8 LinkType */
  TYPE = 0,
  /** u8, 0; not looked at. */
  FLAGS = 1,
  /** u16: number of the frame in the sender's session. */
  SEQ = 2,
  /** u32: the nonce of the HELLO that began the session; 0 outside of one. */
  SESSION = 4,
  /** u32: bytes of the session that the sender has put on the line before this frame. */
  POS = 8,
  /** u32: who receives this may send as long as its own POS behind the frame is not above. */
  LIMIT = 12,
  SIZE = 16,
}

export enum LinkHello {
  MAGIC = 0,
  /** u8: the versions that the host speaks. */
  VERSION_MIN = 4,
  VERSION_MAX = 5,
  PAD = 6,
  /** u32, not 0: a new one in every HELLO. */
  NONCE = 8,
  /** u32: LIMIT of the board before the host's first frame. */
  WINDOW = 12,
  /** u32: LinkCap bits that the host knows. */
  CAPS = 16,
  SIZE = 20,
}

export enum LinkWelcome {
  MAGIC = 0,
  /** u8 each: the version spoken from now on (0: none in common), ports, LinkMode, bits of an address. */
  VERSION = 4,
  PORTS = 5,
  MODE = 6,
  XLEN = 7,
  NONCE = 8,
  /** u32: another one after every start of the board. */
  BOOT_ID = 12,
  WINDOW = 16,
  CAPS = 20,
  /** u64 ns since the start. */
  UPTIME = 24,
  /** 8 bytes: beginning of the SHA-256 of all that the image was made of. */
  BUILD = 32,
  /** 16 bytes, filled up with 0: the board's name. */
  NAME = 40,
  /**
   * u32: FRAMEs of all sessions since the start: put on the line, received well, and known to be lost. They tell what
   * became of the frames that were under way when the session before ended.
   */
  FRAMES_SENT = 56,
  FRAMES_RECEIVED = 60,
  FRAMES_LOST = 64,
  RESERVED = 68,
  SIZE = 72,
}

export enum LinkCap {
  PORT = 1,
  CORE = 2,
  REFLECT = 4,
  GENERATE = 8,
  SELFTEST = 16,
}

export enum LinkMode {
  /** Frames go between the line and the board's ports. */
  PORT = 0,
  /** The core on the board has the ports; the host configures it. */
  CORE = 1,
  /** What a port receives it sends back, Ethernet addresses exchanged. */
  REFLECT = 2,
}

export enum LinkBoot {
  MAGIC = 0,
  BOOT_ID = 4,
  /** u8 LinkBootReason, u8 bits of an address */
  REASON = 8,
  XLEN = 9,
  PAD = 10,
  /** u32: starts since power came, this one counted. */
  STARTS = 12,
  BUILD = 16,
  NAME = 24,
  SIZE = 40,
}

export enum LinkBootReason {
  POWER = 0,
  ASKED = 1,
  TRAP = 2,
  WATCHDOG = 3,
}

export enum LinkTrap {
  /** u32 LinkTrapKind, u32 BOOT_ID */
  KIND = 0,
  BOOT_ID = 4,
  /** u64 each: mcause, or wasm2c's number of the trap; where; mtval; two registers of who was there. */
  CAUSE = 8,
  PC = 16,
  ADDRESS = 24,
  RA = 32,
  SP = 40,
  SIZE = 48,
}

export enum LinkTrapKind {
  MACHINE = 0,
  WATCHDOG = 1,
  CORE = 2,
}

export enum LinkHeartbeat {
  /** u64 ns of the sender's clock; a host's is 0. */
  TIME = 0,
  /** u32: FRAMEs of the session that the sender has put on the line, and that it has received well. */
  SENT = 8,
  RECEIVED = 12,
  /** u32: FRAMEs of the session that the sender knows to be lost on the way to it. */
  LOST = 16,
  PAD = 20,
  SIZE = 24,
}

export enum LinkFrame {
  /** u8 port, u8 and u16 0 */
  PORT = 0,
  FLAGS = 1,
  PAD = 2,
  /** u32: FRAMEs of the session before this one, the same way: a gap is what the line has lost. */
  NUMBER = 4,
  /** u64 ns of the board's clock: when it took the frame from its port; from the host 0. */
  TIME = 8,
  SIZE = 16,
}

export enum LinkPort {
  /** u8 port, u8 1 when its link is up */
  PORT = 0,
  UP = 1,
  MTU = 2,
  MAC = 4,
  PAD = 10,
  SPEED_MBPS = 12,
  SIZE = 16,
}

export enum LinkCall {
  ID = 0,
  /** u16 LinkOp */
  OP = 4,
  PAD = 6,
  SIZE = 8,
}

export enum LinkResult {
  ID = 0,
  /** i32: 0 or more, or a negative errno */
  STATUS = 4,
  SIZE = 8,
}

export enum LinkOp {
  /** Data comes back. */
  ECHO = 1,
  /** u64 per LinkCounter, then u64 per LinkPortCounter for every port. */
  COUNTERS = 2,
  /** The board starts again, at once: no RESULT but a BOOT. */
  RESET = 3,
  /** u32 LinkMode. */
  MODE = 4,
  /** u32 number of a test, from 0: its name comes back and STATUS says; -ENOENT behind the last. */
  SELFTEST = 5,
  /** u32 LinkCrash: for tests of the trap report and the watchdog. */
  CRASH = 6,
  /** The core on the board (LinkMode.CORE): an InitConfig; makes an empty core. -ENOMEM: more than the board has. */
  CORE_INIT = 16,
  /** u32 address, u32 bytes: bytes of the core's memory. */
  CORE_PEEK = 17,
  /** u32 address and bytes: they are put there. */
  CORE_POKE = 18,
  /**
   * LinkCoreRequest, and the end of what is not zero of the messages (what is before it was poked): the request area is
   * handled, now. STATUS is how many bytes of the answer are not zeros at its end; as many as fit come back. The number
   * of the last one again: it is not done again, whatever became of the session since, but answered.
   */
  CORE_REQUEST = 19,
  /** u32 device, u32 port: the core's device has the board's port from now on, or LINK_PORT_NONE. */
  CORE_PORT = 20,
  /** LinkCoreState comes back. */
  CORE_STATE = 21,
  /** 32 bytes that the board keeps for its host while this core is there. */
  CORE_TAG = 22,
  /** u32: 1 the core stands still, 0 it goes on; it does when the session ends, too. */
  CORE_FREEZE = 23,
  /** u32 page to begin with: pairs of u32 address and u32 bytes of pages of state that are not all zero; STATUS how many. */
  CORE_USED = 24,
  /** Memory was poked into an initialised core: it is taken over as a snapshot is. */
  CORE_ATTACH = 25,
  /**
   * LinkTestRun: a call of assembly/board_test, on the core's memory; -EBUSY while a core runs there. Its answer is
   * STATUS, and LinkTestResult comes back.
   */
  TEST_RUN = 32,
}

/** Ports of the line: frames of a device of the core that a driver of the host moves, by FRAME. */
export const LINK_LINE_PORT: u32 = 128;
export const LINK_LINE_PORTS: u32 = 4;
export const LINK_PORT_NONE: u32 = 255;

/** u32 each: BoardTestOp and its arguments (abi/board_test). */
export enum LinkTestRun {
  OP = 0,
  A = 4,
  B = 8,
  C = 12,
  SIZE = 16,
}

export enum LinkTestResult {
  /** u64: instructions of the call (minstret); ns of the board's clock. */
  INSTRUCTIONS = 0,
  TIME = 8,
  SIZE = 16,
}

export enum LinkCoreRequest {
  /** u32: another one for every request; not 0. */
  NUMBER = 0,
  /** u32: bytes of messages in the request area. */
  BYTES = 4,
  /** u32: how many of them are here or were poked; zeros follow. */
  FILLED = 8,
  PAD = 12,
  SIZE = 16,
}

export enum LinkCoreNote {
  /** u32: HEAD of the ring of events and of the ring of deliveries. */
  EVENTS = 0,
  DELIVERIES = 4,
  SIZE = 8,
}

export enum LinkCoreState {
  /** u32 LinkCoreRun */
  RUN = 0,
  LAYOUT_VERSION = 4,
  /** u32: bytes of memory that a core can have here. */
  MEMORY_BYTES = 8,
  /** u32: address of the status block (abi/layout Status). */
  STATUS = 12,
  /** u32: NUMBER of the last CORE_REQUEST. */
  REQUEST = 16,
  /** u32: wasm2c's number of the trap that stopped the core. */
  TRAP = 20,
  /** 8 bytes: beginning of the SHA-256 of what the core was made of. */
  BUILD = 24,
  /** 32 bytes: of CORE_TAG; zeros in a new core. */
  TAG = 32,
  /** 64 bytes: the InitConfig that it has. */
  INIT = 64,
  SIZE = 128,
}

export enum LinkCoreRun {
  NONE = 0,
  RUNNING = 1,
  /** It trapped: its memory can be looked at, nothing else. */
  TRAPPED = 2,
}

export enum LinkCrash {
  ILLEGAL = 0,
  LOAD = 1,
  HANG = 2,
  /** In the core's code: an access outside of its memory. */
  CORE = 3,
}

/** The line, seen from the board. */
export enum LinkCounter {
  /** Bytes from and to the line. */
  RX_BYTES = 0,
  TX_BYTES = 1,
  /** Good frames of a session. */
  RX_FRAMES = 2,
  TX_FRAMES = 3,
  /** What lay between two delimiters and was none: too long or short, no COBS, a wrong CRC. */
  BAD = 4,
  /** Gaps in SEQ, and numbers that had been there. */
  LOST = 5,
  DUPLICATES = 6,
  /** Good frames of a session that is not there (any more). */
  STALE = 7,
  SESSIONS = 8,
  /** Bytes that the receive ring had no room for, and that the UART lost before. */
  OVERRUNS = 9,
  MAX = 10,
}

/** A port, seen from the board. */
export enum LinkPortCounter {
  RX_FRAMES = 0,
  RX_BYTES = 1,
  TX_FRAMES = 2,
  TX_BYTES = 3,
  /** Received, but the line had no room or no session. */
  RX_DROPPED = 4,
  RX_ERRORS = 5,
  /** From the line, but the port's ring was full or its link down. */
  TX_DROPPED = 6,
  /** Gaps in NUMBER: lost on the line. */
  TX_LOST = 7,
  MAX = 8,
}
