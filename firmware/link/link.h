/*
 * The board's side of the link (link/README.md): one session with one host at a time. It knows neither UART nor clock:
 * bytes, time and the line's room are given, so the same file runs in tests on a development machine.
 *
 *   UART ring ─► link_rx ─► cobs ─► CRC ─► session, order ─► events (frame, call, session)
 *   link_frame, results, heartbeats ─► cobs ─► line.write
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cobs.h"
#include "link_abi.h"

/* Where bytes go. */
struct link_line {
    size_t (*room)(void);
    void (*write)(const uint8_t *bytes, size_t n);
};

/* What a board says of itself. */
struct link_identity {
    const char *name;
    uint8_t build[8];
    uint32_t boot_id;
    uint32_t starts;
    uint8_t reason;
    uint32_t caps;
    uint8_t ports;
    uint8_t mode;
    /* Bytes that the host may have on the way: the receive ring, less some heartbeats. */
    uint32_t window;
};

struct link;
struct link_events {
    /* A session began, or ended. */
    void (*session)(struct link *link, bool begun);
    /* A FRAME for `port`; `lost` before it never came. */
    void (*frame)(struct link *link, uint8_t port, const uint8_t *frame, size_t len, uint32_t lost);
    /* `n` FRAMEs before a HEARTBEAT never came; which port they were for nobody knows. */
    void (*lost)(struct link *link, uint32_t n);
    /* A CALL; up to `max` bytes of result. Returns its STATUS. */
    int32_t (*call)(struct link *link, uint16_t op, const uint8_t *data, size_t len, uint8_t *result, size_t max,
                    size_t *result_len);
};

struct link {
    const struct link_line *line;
    const struct link_events *events;
    struct link_identity id;
    /* 0 without a session. */
    uint32_t session;
    uint16_t tx_seq;
    uint16_t rx_seq;
    uint32_t tx_pos;
    uint32_t tx_limit;
    uint32_t rx_pos;
    /* LIMIT as the host knows it. */
    uint32_t told;
    uint32_t frames_sent;
    uint32_t frames_received;
    uint32_t frames_lost;
    uint32_t frame_next;
    /* Of all sessions since the start. */
    uint32_t total_sent, total_received, total_lost;
    uint64_t now;
    uint64_t heard;
    uint64_t beat;
    uint64_t boot_said;
    /* The result of the last call, for a host that did not hear it. */
    uint32_t call_id;
    size_t result_len;
    uint64_t counters[LINK_COUNTER_MAX];
    struct cobs_reader reader;
    _Alignas(8) uint8_t rx[sizeof(struct link_header) + LINK_PAYLOAD_MAX + 4];
    _Alignas(8) uint8_t result[LINK_PAYLOAD_MAX];
    uint8_t wire[LINK_WIRE_MAX];
};

void link_init(struct link *link, const struct link_identity *id, const struct link_line *line,
               const struct link_events *events);
/* Bytes from the line, at `now` ns. */
void link_rx(struct link *link, const uint8_t *bytes, size_t n, uint64_t now);
/* Heartbeats, and the end of a session whose host is silent. At least every 50 ms. */
void link_tick(struct link *link, uint64_t now);
/* 0, -ENOTCONN without a session, -EAGAIN without credit or room, -EMSGSIZE. */
int link_frame(struct link *link, uint8_t port, const void *frame, size_t len, uint64_t time);
int link_port(struct link *link, const struct link_port *port);
int link_core_note(struct link *link, const struct link_core_note *note);
int link_log(struct link *link, const char *text);
/* To whoever listens, with no regard for credit. */
void link_boot(struct link *link);
void link_trap(struct link *link, const struct link_trap *trap);
