/*
 * LinkMode.CORE: the core has the ports and forwards by itself, with a host or without one. The host sends requests and
 * looks into memory (core_calls.c); that something waits for it in the rings of events and deliveries it is told by
 * CORE_NOTE, again until it has taken them.
 *
 *   core_ports_rx ─► core_poll ─► core_ports_tx            the next deadline ─► clock_wake
 */
#include "core.h"
#include "core_mode.h"
#include "core_ports.h"
#include "../start/clock.h"
#include "../start/fw.h"

#define POLL_BUDGET 256u
#define NOTE_EVERY 200000000ull

static struct link_core_note noted;
static uint64_t noted_at;

static uint32_t ring_field(uint32_t ring, uint32_t field) {
    return core_word(ring + field);
}

static void tell(uint64_t now) {
    uint32_t events = CORE_STATUS(event_ring), deliveries = CORE_STATUS(delivery_ring);
    struct link_core_note note = {ring_field(events, HOST_RING_HEAD), ring_field(deliveries, HOST_RING_HEAD)};
    if (note.events == ring_field(events, HOST_RING_TAIL) && note.deliveries == ring_field(deliveries, HOST_RING_TAIL))
        return;
    bool told = note.events == noted.events && note.deliveries == noted.deliveries;
    if (told && now - noted_at < NOTE_EVERY) return;
    if (link_core_note(&fw_link, &note) != 0) return;
    noted = note;
    noted_at = now;
}

static bool poll(uint64_t now) {
    if (fw_link.session == 0) core_thaw();
    if (core_run() != LINK_CORE_RUN_RUNNING || core_frozen()) return false;
    bool more = core_ports_rx();
    core_poll(now, POLL_BUDGET);
    /* What was sent the core frees in its next poll, and a queue that had waited for room goes on. */
    bool sent = core_ports_tx();
    if (core_run() != LINK_CORE_RUN_RUNNING) return false;
    tell(now);
    uint64_t deadline;
    memcpy(&deadline, wasm_memory + core_status() + offsetof(struct status, next_deadline), sizeof deadline);
    clock_wake(deadline);
    return more || sent || CORE_STATUS(more) != 0;
}

static void from_line(uint8_t port, const uint8_t *frame, size_t len) {
    if (port >= LINK_LINE_PORT) core_ports_line(port, frame, len);
    else fw_nics[port].counters[LINK_PORT_COUNTER_TX_DROPPED]++;
}

static int begin(void) {
    return 0;
}
static void end(void) {
    core_stop();
    core_ports_clear();
    clock_wake(UINT64_MAX);
}

const struct fw_mode core_mode = {.begin = begin, .end = end, .frame = from_line, .poll = poll};
