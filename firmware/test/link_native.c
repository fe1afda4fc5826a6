/*
 * firmware/link on a development machine, driven step by step, for tests against the host's side. Commands come on
 * standard input, answers go to standard output; time and line are the test's.
 *
 *   command: u32 kind │ u32 bytes │ u64 now ns │ bytes      R bytes from the line   T tick   F a frame of port 0 to send
 *                                                           B start again (u32 boot id)   L room on the line (u32)
 *   answer:  u32 bytes to the line │ u32 bytes of events │ both
 *   event:   u32 kind │ u32 bytes │ bytes                   S session (u8)   F frame (u32 lost, bytes)   C call (u16 op)
 *                                                           E what F gave (i32)   N counters (u64 each)
 *                                                           G frames lost before a heartbeat (u32)
 */
#include "../link/link.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES (1u << 20)

static uint8_t line_bytes[LINE_BYTES], events_bytes[LINE_BYTES];
static size_t line_n, events_n, room = LINE_BYTES;
static uint32_t calls;

static void event(uint32_t kind, const void *a, size_t an, const void *b, size_t bn) {
    uint32_t head[2] = {kind, (uint32_t)(an + bn)};
    if (events_n + sizeof head + an + bn > sizeof events_bytes) abort();
    memcpy(events_bytes + events_n, head, sizeof head);
    memcpy(events_bytes + events_n + sizeof head, a, an);
    if (bn != 0) memcpy(events_bytes + events_n + sizeof head + an, b, bn);
    events_n += sizeof head + an + bn;
}

static size_t line_room(void) {
    return room - line_n;
}
static void line_write(const uint8_t *bytes, size_t n) {
    if (n > line_room()) abort();
    memcpy(line_bytes + line_n, bytes, n);
    line_n += n;
}

static void on_session(struct link *link, bool begun) {
    (void)link;
    uint8_t byte = begun;
    event('S', &byte, 1, NULL, 0);
}
static void on_frame(struct link *link, uint8_t port, const uint8_t *frame, size_t len, uint32_t lost) {
    (void)link;
    (void)port;
    event('F', &lost, sizeof lost, frame, len);
}
static void on_lost(struct link *link, uint32_t n) {
    (void)link;
    event('G', &n, sizeof n, NULL, 0);
}
static int32_t on_call(struct link *link, uint16_t op, const uint8_t *data, size_t len, uint8_t *result, size_t max,
                       size_t *result_len) {
    (void)link;
    if (len > max) return -90;
    event('C', &op, sizeof op, NULL, 0);
    memcpy(result, data, len);
    *result_len = len;
    return (int32_t)calls++;
}

static const struct link_line line = {.room = line_room, .write = line_write};
static const struct link_events events = {.session = on_session, .frame = on_frame, .lost = on_lost, .call = on_call};
static struct link board;

static void start(uint32_t boot_id) {
    struct link_identity id = {.name = "native", .boot_id = boot_id, .starts = 1, .ports = 1, .window = 12288};
    link_init(&board, &id, &line, &events);
    link_boot(&board);
}

static void handle(uint32_t kind, uint64_t now, const uint8_t *bytes, uint32_t n) {
    uint32_t word = 0;
    if (n >= sizeof word) memcpy(&word, bytes, sizeof word);
    switch (kind) {
    case 'R':
        link_rx(&board, bytes, n, now);
        break;
    case 'T':
        link_tick(&board, now);
        break;
    case 'F': {
        int32_t err = link_frame(&board, 0, bytes, n, now);
        event('E', &err, sizeof err, NULL, 0);
        break;
    }
    case 'B':
        start(word);
        break;
    case 'L':
        room = word;
        break;
    case 'N':
        event('N', board.counters, sizeof board.counters, NULL, 0);
        break;
    default:
        abort();
    }
}

int main(void) {
    struct {
        uint32_t kind, n;
        uint64_t now;
    } command;
    start(1);
    line_n = 0;
    while (fread(&command, sizeof command, 1, stdin) == 1) {
        /* Its own allocation, so that a read behind the end is seen by the sanitizer. */
        uint8_t *exact = malloc(command.n == 0 ? 1 : command.n);
        if (command.n > LINE_BYTES || fread(exact, 1, command.n, stdin) != command.n) return 1;
        handle(command.kind, command.now, exact, command.n);
        free(exact);
        uint32_t head[2] = {(uint32_t)line_n, (uint32_t)events_n};
        fwrite(head, sizeof head, 1, stdout);
        fwrite(line_bytes, 1, line_n, stdout);
        fwrite(events_bytes, 1, events_n, stdout);
        fflush(stdout);
        line_n = events_n = 0;
    }
    return 0;
}
