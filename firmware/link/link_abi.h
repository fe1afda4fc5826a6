/* Made of assembly/abi/link.ts by firmware/link/generate.mjs. Not written by hand. */

#pragma once
#include <stddef.h>
#include <stdint.h>

#define LINK_VERSION 1u

/* "WWLK": begins what is said before both sides know each other. */
#define LINK_MAGIC 0x4b4c5757u

#define LINK_PAYLOAD_MAX 2048u

/* Header, payload, CRC, what COBS adds (one byte, and one more for 254), a delimiter at either end. */
#define LINK_WIRE_MAX 2080u

/* Both sides say at least so often that they live. */
#define LINK_HEARTBEAT_MS 100u

/* After so much silence a host believes the board gone, and says HELLO. */
#define LINK_SILENCE_MS 1000u

/* A board waits longer: nothing is lost by it, for a HELLO is answered at any time. */
#define LINK_BOARD_SILENCE_MS 3000u

#define LINK_HELLO_MS 300u

enum link_type {
    /* Host to board: LinkHello. The only frame that a board without a session answers. */
    LINK_TYPE_HELLO = 1,
    /* Board to host: LinkWelcome, the first frame of a session. */
    LINK_TYPE_WELCOME = 2,
    /* Board to host: LinkBoot; after a start, and to whom speaks of a session that is not there. */
    LINK_TYPE_BOOT = 3,
    /* Board to host: LinkTrap, the last word before a reboot. */
    LINK_TYPE_TRAP = 4,
    /* Both: LinkHeartbeat. */
    LINK_TYPE_HEARTBEAT = 5,
    /* Host to board: the session ends; nothing behind it. */
    LINK_TYPE_BYE = 6,
    /* Both: LinkFrame and an Ethernet frame. */
    LINK_TYPE_FRAME = 8,
    /* Board to host: LinkPort; when it changes, and once a second. */
    LINK_TYPE_PORT = 9,
    /* Board to host: text for the log. */
    LINK_TYPE_LOG = 10,
    /* Board to host: LinkCoreNote; records wait in rings of the core. Said again until they were taken. */
    LINK_TYPE_CORE_NOTE = 11,
    /* Host to board: LinkCall and its data; the same ID again is answered again, but not done again. */
    LINK_TYPE_CALL = 16,
    /* Board to host: LinkResult and its data. */
    LINK_TYPE_RESULT = 17,
};

struct link_header {
    /* u8 LinkType */
    uint8_t type;
    /* u8, 0; not looked at. */
    uint8_t flags;
    /* u16: number of the frame in the sender's session. */
    uint16_t seq;
    /* u32: the nonce of the HELLO that began the session; 0 outside of one. */
    uint32_t session;
    /* u32: bytes of the session that the sender has put on the line before this frame. */
    uint32_t pos;
    /* u32: who receives this may send as long as its own POS behind the frame is not above. */
    uint32_t limit;
};
_Static_assert(offsetof(struct link_header, type) == 0, "link_header.type");
_Static_assert(offsetof(struct link_header, flags) == 1, "link_header.flags");
_Static_assert(offsetof(struct link_header, seq) == 2, "link_header.seq");
_Static_assert(offsetof(struct link_header, session) == 4, "link_header.session");
_Static_assert(offsetof(struct link_header, pos) == 8, "link_header.pos");
_Static_assert(offsetof(struct link_header, limit) == 12, "link_header.limit");
_Static_assert(sizeof(struct link_header) == 16, "link_header");

struct link_hello {
    uint32_t magic;
    /* u8: the versions that the host speaks. */
    uint8_t version_min;
    uint8_t version_max;
    uint16_t pad;
    /* u32, not 0: a new one in every HELLO. */
    uint32_t nonce;
    /* u32: LIMIT of the board before the host's first frame. */
    uint32_t window;
    /* u32: LinkCap bits that the host knows. */
    uint32_t caps;
};
_Static_assert(offsetof(struct link_hello, magic) == 0, "link_hello.magic");
_Static_assert(offsetof(struct link_hello, version_min) == 4, "link_hello.version_min");
_Static_assert(offsetof(struct link_hello, version_max) == 5, "link_hello.version_max");
_Static_assert(offsetof(struct link_hello, pad) == 6, "link_hello.pad");
_Static_assert(offsetof(struct link_hello, nonce) == 8, "link_hello.nonce");
_Static_assert(offsetof(struct link_hello, window) == 12, "link_hello.window");
_Static_assert(offsetof(struct link_hello, caps) == 16, "link_hello.caps");
_Static_assert(sizeof(struct link_hello) == 20, "link_hello");

struct link_welcome {
    uint32_t magic;
    /* u8 each: the version spoken from now on (0: none in common), ports, LinkMode, bits of an address. */
    uint8_t version;
    uint8_t ports;
    uint8_t mode;
    uint8_t xlen;
    uint32_t nonce;
    /* u32: another one after every start of the board. */
    uint32_t boot_id;
    uint32_t window;
    uint32_t caps;
    /* u64 ns since the start. */
    uint64_t uptime;
    /* 8 bytes: beginning of the SHA-256 of all that the image was made of. */
    uint8_t build[8];
    /* 16 bytes, filled up with 0: the board's name. */
    uint8_t name[16];
    /*
     * u32: FRAMEs of all sessions since the start: put on the line, received well, and known to be lost. They tell what
     * became of the frames that were under way when the session before ended.
     */
    uint32_t frames_sent;
    uint32_t frames_received;
    uint32_t frames_lost;
    uint32_t reserved;
};
_Static_assert(offsetof(struct link_welcome, magic) == 0, "link_welcome.magic");
_Static_assert(offsetof(struct link_welcome, version) == 4, "link_welcome.version");
_Static_assert(offsetof(struct link_welcome, ports) == 5, "link_welcome.ports");
_Static_assert(offsetof(struct link_welcome, mode) == 6, "link_welcome.mode");
_Static_assert(offsetof(struct link_welcome, xlen) == 7, "link_welcome.xlen");
_Static_assert(offsetof(struct link_welcome, nonce) == 8, "link_welcome.nonce");
_Static_assert(offsetof(struct link_welcome, boot_id) == 12, "link_welcome.boot_id");
_Static_assert(offsetof(struct link_welcome, window) == 16, "link_welcome.window");
_Static_assert(offsetof(struct link_welcome, caps) == 20, "link_welcome.caps");
_Static_assert(offsetof(struct link_welcome, uptime) == 24, "link_welcome.uptime");
_Static_assert(offsetof(struct link_welcome, build) == 32, "link_welcome.build");
_Static_assert(offsetof(struct link_welcome, name) == 40, "link_welcome.name");
_Static_assert(offsetof(struct link_welcome, frames_sent) == 56, "link_welcome.frames_sent");
_Static_assert(offsetof(struct link_welcome, frames_received) == 60, "link_welcome.frames_received");
_Static_assert(offsetof(struct link_welcome, frames_lost) == 64, "link_welcome.frames_lost");
_Static_assert(offsetof(struct link_welcome, reserved) == 68, "link_welcome.reserved");
_Static_assert(sizeof(struct link_welcome) == 72, "link_welcome");

enum link_cap {
    LINK_CAP_PORT = 1,
    LINK_CAP_CORE = 2,
    LINK_CAP_REFLECT = 4,
    LINK_CAP_GENERATE = 8,
    LINK_CAP_SELFTEST = 16,
};

enum link_mode {
    /* Frames go between the line and the board's ports. */
    LINK_MODE_PORT = 0,
    /* The core on the board has the ports; the host configures it. */
    LINK_MODE_CORE = 1,
    /* What a port receives it sends back, Ethernet addresses exchanged. */
    LINK_MODE_REFLECT = 2,
};

struct link_boot {
    uint32_t magic;
    uint32_t boot_id;
    /* u8 LinkBootReason, u8 bits of an address */
    uint8_t reason;
    uint8_t xlen;
    uint16_t pad;
    /* u32: starts since power came, this one counted. */
    uint32_t starts;
    uint8_t build[8];
    uint8_t name[16];
};
_Static_assert(offsetof(struct link_boot, magic) == 0, "link_boot.magic");
_Static_assert(offsetof(struct link_boot, boot_id) == 4, "link_boot.boot_id");
_Static_assert(offsetof(struct link_boot, reason) == 8, "link_boot.reason");
_Static_assert(offsetof(struct link_boot, xlen) == 9, "link_boot.xlen");
_Static_assert(offsetof(struct link_boot, pad) == 10, "link_boot.pad");
_Static_assert(offsetof(struct link_boot, starts) == 12, "link_boot.starts");
_Static_assert(offsetof(struct link_boot, build) == 16, "link_boot.build");
_Static_assert(offsetof(struct link_boot, name) == 24, "link_boot.name");
_Static_assert(sizeof(struct link_boot) == 40, "link_boot");

enum link_boot_reason {
    LINK_BOOT_REASON_POWER = 0,
    LINK_BOOT_REASON_ASKED = 1,
    LINK_BOOT_REASON_TRAP = 2,
    LINK_BOOT_REASON_WATCHDOG = 3,
};

struct link_trap {
    /* u32 LinkTrapKind, u32 BOOT_ID */
    uint32_t kind;
    uint32_t boot_id;
    /* u64 each: mcause, or wasm2c's number of the trap; where; mtval; two registers of who was there. */
    uint64_t cause;
    uint64_t pc;
    uint64_t address;
    uint64_t ra;
    uint64_t sp;
};
_Static_assert(offsetof(struct link_trap, kind) == 0, "link_trap.kind");
_Static_assert(offsetof(struct link_trap, boot_id) == 4, "link_trap.boot_id");
_Static_assert(offsetof(struct link_trap, cause) == 8, "link_trap.cause");
_Static_assert(offsetof(struct link_trap, pc) == 16, "link_trap.pc");
_Static_assert(offsetof(struct link_trap, address) == 24, "link_trap.address");
_Static_assert(offsetof(struct link_trap, ra) == 32, "link_trap.ra");
_Static_assert(offsetof(struct link_trap, sp) == 40, "link_trap.sp");
_Static_assert(sizeof(struct link_trap) == 48, "link_trap");

enum link_trap_kind {
    LINK_TRAP_KIND_MACHINE = 0,
    LINK_TRAP_KIND_WATCHDOG = 1,
    LINK_TRAP_KIND_CORE = 2,
};

struct link_heartbeat {
    /* u64 ns of the sender's clock; a host's is 0. */
    uint64_t time;
    /* u32: FRAMEs of the session that the sender has put on the line, and that it has received well. */
    uint32_t sent;
    uint32_t received;
    /* u32: FRAMEs of the session that the sender knows to be lost on the way to it. */
    uint32_t lost;
    uint32_t pad;
};
_Static_assert(offsetof(struct link_heartbeat, time) == 0, "link_heartbeat.time");
_Static_assert(offsetof(struct link_heartbeat, sent) == 8, "link_heartbeat.sent");
_Static_assert(offsetof(struct link_heartbeat, received) == 12, "link_heartbeat.received");
_Static_assert(offsetof(struct link_heartbeat, lost) == 16, "link_heartbeat.lost");
_Static_assert(offsetof(struct link_heartbeat, pad) == 20, "link_heartbeat.pad");
_Static_assert(sizeof(struct link_heartbeat) == 24, "link_heartbeat");

struct link_frame {
    /* u8 port, u8 and u16 0 */
    uint8_t port;
    uint8_t flags;
    uint16_t pad;
    /* u32: FRAMEs of the session before this one, the same way: a gap is what the line has lost. */
    uint32_t number;
    /* u64 ns of the board's clock: when it took the frame from its port; from the host 0. */
    uint64_t time;
};
_Static_assert(offsetof(struct link_frame, port) == 0, "link_frame.port");
_Static_assert(offsetof(struct link_frame, flags) == 1, "link_frame.flags");
_Static_assert(offsetof(struct link_frame, pad) == 2, "link_frame.pad");
_Static_assert(offsetof(struct link_frame, number) == 4, "link_frame.number");
_Static_assert(offsetof(struct link_frame, time) == 8, "link_frame.time");
_Static_assert(sizeof(struct link_frame) == 16, "link_frame");

struct link_port {
    /* u8 port, u8 1 when its link is up */
    uint8_t port;
    uint8_t up;
    uint16_t mtu;
    uint8_t mac[6];
    uint16_t pad;
    uint32_t speed_mbps;
};
_Static_assert(offsetof(struct link_port, port) == 0, "link_port.port");
_Static_assert(offsetof(struct link_port, up) == 1, "link_port.up");
_Static_assert(offsetof(struct link_port, mtu) == 2, "link_port.mtu");
_Static_assert(offsetof(struct link_port, mac) == 4, "link_port.mac");
_Static_assert(offsetof(struct link_port, pad) == 10, "link_port.pad");
_Static_assert(offsetof(struct link_port, speed_mbps) == 12, "link_port.speed_mbps");
_Static_assert(sizeof(struct link_port) == 16, "link_port");

struct link_call {
    uint32_t id;
    /* u16 LinkOp */
    uint16_t op;
    uint16_t pad;
};
_Static_assert(offsetof(struct link_call, id) == 0, "link_call.id");
_Static_assert(offsetof(struct link_call, op) == 4, "link_call.op");
_Static_assert(offsetof(struct link_call, pad) == 6, "link_call.pad");
_Static_assert(sizeof(struct link_call) == 8, "link_call");

struct link_result {
    uint32_t id;
    /* i32: 0 or more, or a negative errno */
    uint32_t status;
};
_Static_assert(offsetof(struct link_result, id) == 0, "link_result.id");
_Static_assert(offsetof(struct link_result, status) == 4, "link_result.status");
_Static_assert(sizeof(struct link_result) == 8, "link_result");

enum link_op {
    /* Data comes back. */
    LINK_OP_ECHO = 1,
    /* u64 per LinkCounter, then u64 per LinkPortCounter for every port. */
    LINK_OP_COUNTERS = 2,
    /* The board starts again, at once: no RESULT but a BOOT. */
    LINK_OP_RESET = 3,
    /* u32 LinkMode. */
    LINK_OP_MODE = 4,
    /* u32 number of a test, from 0: its name comes back and STATUS says; -ENOENT behind the last. */
    LINK_OP_SELFTEST = 5,
    /* u32 LinkCrash: for tests of the trap report and the watchdog. */
    LINK_OP_CRASH = 6,
    /* The core on the board (LinkMode.CORE): an InitConfig; makes an empty core. -ENOMEM: more than the board has. */
    LINK_OP_CORE_INIT = 16,
    /* u32 address, u32 bytes: bytes of the core's memory. */
    LINK_OP_CORE_PEEK = 17,
    /* u32 address and bytes: they are put there. */
    LINK_OP_CORE_POKE = 18,
    /*
     * LinkCoreRequest, and the end of what is not zero of the messages (what is before it was poked): the request area is
     * handled, now. STATUS is how many bytes of the answer are not zeros at its end; as many as fit come back. The number
     * of the last one again: it is not done again, whatever became of the session since, but answered.
     */
    LINK_OP_CORE_REQUEST = 19,
    /* u32 device, u32 port: the core's device has the board's port from now on, or LINK_PORT_NONE. */
    LINK_OP_CORE_PORT = 20,
    /* LinkCoreState comes back. */
    LINK_OP_CORE_STATE = 21,
    /* 32 bytes that the board keeps for its host while this core is there. */
    LINK_OP_CORE_TAG = 22,
    /* u32: 1 the core stands still, 0 it goes on; it does when the session ends, too. */
    LINK_OP_CORE_FREEZE = 23,
    /* u32 page to begin with: pairs of u32 address and u32 bytes of pages of state that are not all zero; STATUS how many. */
    LINK_OP_CORE_USED = 24,
    /* Memory was poked into an initialised core: it is taken over as a snapshot is. */
    LINK_OP_CORE_ATTACH = 25,
    /*
     * LinkTestRun: a call of assembly/board_test, on the core's memory; -EBUSY while a core runs there. Its answer is
     * STATUS, and LinkTestResult comes back.
     */
    LINK_OP_TEST_RUN = 32,
};

/* Ports of the line: frames of a device of the core that a driver of the host moves, by FRAME. */
#define LINK_LINE_PORT 128u

#define LINK_LINE_PORTS 4u

#define LINK_PORT_NONE 255u

/* u32 each: BoardTestOp and its arguments (abi/board_test). */
struct link_test_run {
    uint32_t op;
    uint32_t a;
    uint32_t b;
    uint32_t c;
};
_Static_assert(offsetof(struct link_test_run, op) == 0, "link_test_run.op");
_Static_assert(offsetof(struct link_test_run, a) == 4, "link_test_run.a");
_Static_assert(offsetof(struct link_test_run, b) == 8, "link_test_run.b");
_Static_assert(offsetof(struct link_test_run, c) == 12, "link_test_run.c");
_Static_assert(sizeof(struct link_test_run) == 16, "link_test_run");

struct link_test_result {
    /* u64: instructions of the call (minstret); ns of the board's clock. */
    uint64_t instructions;
    uint64_t time;
};
_Static_assert(offsetof(struct link_test_result, instructions) == 0, "link_test_result.instructions");
_Static_assert(offsetof(struct link_test_result, time) == 8, "link_test_result.time");
_Static_assert(sizeof(struct link_test_result) == 16, "link_test_result");

struct link_core_request {
    /* u32: another one for every request; not 0. */
    uint32_t number;
    /* u32: bytes of messages in the request area. */
    uint32_t bytes;
    /* u32: how many of them are here or were poked; zeros follow. */
    uint32_t filled;
    uint32_t pad;
};
_Static_assert(offsetof(struct link_core_request, number) == 0, "link_core_request.number");
_Static_assert(offsetof(struct link_core_request, bytes) == 4, "link_core_request.bytes");
_Static_assert(offsetof(struct link_core_request, filled) == 8, "link_core_request.filled");
_Static_assert(offsetof(struct link_core_request, pad) == 12, "link_core_request.pad");
_Static_assert(sizeof(struct link_core_request) == 16, "link_core_request");

struct link_core_note {
    /* u32: HEAD of the ring of events and of the ring of deliveries. */
    uint32_t events;
    uint32_t deliveries;
};
_Static_assert(offsetof(struct link_core_note, events) == 0, "link_core_note.events");
_Static_assert(offsetof(struct link_core_note, deliveries) == 4, "link_core_note.deliveries");
_Static_assert(sizeof(struct link_core_note) == 8, "link_core_note");

struct link_core_state {
    /* u32 LinkCoreRun */
    uint32_t run;
    uint32_t layout_version;
    /* u32: bytes of memory that a core can have here. */
    uint32_t memory_bytes;
    /* u32: address of the status block (abi/layout Status). */
    uint32_t status;
    /* u32: NUMBER of the last CORE_REQUEST. */
    uint32_t request;
    /* u32: wasm2c's number of the trap that stopped the core. */
    uint32_t trap;
    /* 8 bytes: beginning of the SHA-256 of what the core was made of. */
    uint8_t build[8];
    /* 32 bytes: of CORE_TAG; zeros in a new core. */
    uint8_t tag[32];
    /* 64 bytes: the InitConfig that it has. */
    uint8_t init[64];
};
_Static_assert(offsetof(struct link_core_state, run) == 0, "link_core_state.run");
_Static_assert(offsetof(struct link_core_state, layout_version) == 4, "link_core_state.layout_version");
_Static_assert(offsetof(struct link_core_state, memory_bytes) == 8, "link_core_state.memory_bytes");
_Static_assert(offsetof(struct link_core_state, status) == 12, "link_core_state.status");
_Static_assert(offsetof(struct link_core_state, request) == 16, "link_core_state.request");
_Static_assert(offsetof(struct link_core_state, trap) == 20, "link_core_state.trap");
_Static_assert(offsetof(struct link_core_state, build) == 24, "link_core_state.build");
_Static_assert(offsetof(struct link_core_state, tag) == 32, "link_core_state.tag");
_Static_assert(offsetof(struct link_core_state, init) == 64, "link_core_state.init");
_Static_assert(sizeof(struct link_core_state) == 128, "link_core_state");

enum link_core_run {
    LINK_CORE_RUN_NONE = 0,
    LINK_CORE_RUN_RUNNING = 1,
    /* It trapped: its memory can be looked at, nothing else. */
    LINK_CORE_RUN_TRAPPED = 2,
};

enum link_crash {
    LINK_CRASH_ILLEGAL = 0,
    LINK_CRASH_LOAD = 1,
    LINK_CRASH_HANG = 2,
    /* In the core's code: an access outside of its memory. */
    LINK_CRASH_CORE = 3,
};

/* The line, seen from the board. */
enum link_counter {
    /* Bytes from and to the line. */
    LINK_COUNTER_RX_BYTES = 0,
    LINK_COUNTER_TX_BYTES = 1,
    /* Good frames of a session. */
    LINK_COUNTER_RX_FRAMES = 2,
    LINK_COUNTER_TX_FRAMES = 3,
    /* What lay between two delimiters and was none: too long or short, no COBS, a wrong CRC. */
    LINK_COUNTER_BAD = 4,
    /* Gaps in SEQ, and numbers that had been there. */
    LINK_COUNTER_LOST = 5,
    LINK_COUNTER_DUPLICATES = 6,
    /* Good frames of a session that is not there (any more). */
    LINK_COUNTER_STALE = 7,
    LINK_COUNTER_SESSIONS = 8,
    /* Bytes that the receive ring had no room for, and that the UART lost before. */
    LINK_COUNTER_OVERRUNS = 9,
    LINK_COUNTER_MAX = 10,
};

/* A port, seen from the board. */
enum link_port_counter {
    LINK_PORT_COUNTER_RX_FRAMES = 0,
    LINK_PORT_COUNTER_RX_BYTES = 1,
    LINK_PORT_COUNTER_TX_FRAMES = 2,
    LINK_PORT_COUNTER_TX_BYTES = 3,
    /* Received, but the line had no room or no session. */
    LINK_PORT_COUNTER_RX_DROPPED = 4,
    LINK_PORT_COUNTER_RX_ERRORS = 5,
    /* From the line, but the port's ring was full or its link down. */
    LINK_PORT_COUNTER_TX_DROPPED = 6,
    /* Gaps in NUMBER: lost on the line. */
    LINK_PORT_COUNTER_TX_LOST = 7,
    LINK_PORT_COUNTER_MAX = 8,
};
