#include "link.h"
#include <string.h>
#include "../start/errno.h"
#include "crc32.h"

#define MS 1000000ull
#define BOOT_EVERY (50 * MS)

struct part {
    const void *bytes;
    size_t n;
};

/* The words of `id` that BOOT and WELCOME share. */
static void copy_name(uint8_t *to, size_t n, const char *name) {
    size_t i = 0;
    for (; i < n && name[i] != '\0'; i++) to[i] = (uint8_t)name[i];
    for (; i < n; i++) to[i] = 0;
}

static void put_frame(struct link *link, const struct link_header *header, struct part head, struct part body) {
    struct cobs_writer w;
    uint32_t crc = crc32(0, header, sizeof *header);
    crc = crc32(crc, head.bytes, head.n);
    crc = crc32(crc, body.bytes, body.n);
    cobs_begin(&w, link->wire);
    cobs_put(&w, header, sizeof *header);
    cobs_put(&w, head.bytes, head.n);
    cobs_put(&w, body.bytes, body.n);
    cobs_put(&w, &crc, sizeof crc);
    size_t n = cobs_end(&w);
    link->line->write(link->wire, n);
    link->counters[LINK_COUNTER_TX_BYTES] += n;
    if (header->session != 0) link->tx_pos += (uint32_t)n;
}

/* Within the session. Heartbeats and the welcome go without credit: they are what gives it. */
static int send(struct link *link, uint8_t type, struct part head, struct part body, bool credit) {
    if (link->session == 0) return -ENOTCONN;
    if (head.n + body.n > LINK_PAYLOAD_MAX) return -EMSGSIZE;
    uint32_t wire = (uint32_t)COBS_WIRE_MAX(sizeof(struct link_header) + head.n + body.n + 4);
    if (credit && (int32_t)(link->tx_limit - (link->tx_pos + wire)) < 0) return -EAGAIN;
    if (link->line->room() < wire) return -EAGAIN;
    struct link_header header = {
        .type = type,
        .seq = link->tx_seq++,
        .session = link->session,
        .pos = link->tx_pos,
        .limit = link->rx_pos + link->id.window,
    };
    link->told = header.limit;
    put_frame(link, &header, head, body);
    link->counters[LINK_COUNTER_TX_FRAMES]++;
    return 0;
}

/* Outside of any session. */
static void send_alone(struct link *link, uint8_t type, struct part body) {
    if (link->line->room() < COBS_WIRE_MAX(sizeof(struct link_header) + body.n + 4)) return;
    struct link_header header = {.type = type};
    put_frame(link, &header, (struct part){0, 0}, body);
}

static void heartbeat(struct link *link) {
    struct link_heartbeat beat = {.time = link->now,
                                  .sent = link->frames_sent,
                                  .received = link->frames_received,
                                  .lost = link->frames_lost};
    if (send(link, LINK_TYPE_HEARTBEAT, (struct part){0, 0}, (struct part){&beat, sizeof beat}, false) == 0)
        link->beat = link->now;
}

int link_frame(struct link *link, uint8_t port, const void *frame, size_t len, uint64_t time) {
    struct link_frame head = {.port = port, .number = link->frames_sent, .time = time};
    int err = send(link, LINK_TYPE_FRAME, (struct part){&head, sizeof head}, (struct part){frame, len}, true);
    if (err == 0) link->frames_sent++, link->total_sent++;
    return err;
}

int link_port(struct link *link, const struct link_port *port) {
    return send(link, LINK_TYPE_PORT, (struct part){0, 0}, (struct part){port, sizeof *port}, true);
}

int link_core_note(struct link *link, const struct link_core_note *note) {
    return send(link, LINK_TYPE_CORE_NOTE, (struct part){0, 0}, (struct part){note, sizeof *note}, true);
}

int link_log(struct link *link, const char *text) {
    size_t n = 0;
    while (text[n] != '\0') n++;
    return send(link, LINK_TYPE_LOG, (struct part){0, 0}, (struct part){text, n}, true);
}

void link_boot(struct link *link) {
    struct link_boot boot = {
        .magic = LINK_MAGIC,
        .boot_id = link->id.boot_id,
        .reason = link->id.reason,
        .xlen = 8 * sizeof(void *),
        .starts = link->id.starts,
    };
    memcpy(boot.build, link->id.build, sizeof boot.build);
    copy_name(boot.name, sizeof boot.name, link->id.name);
    link->boot_said = link->now;
    send_alone(link, LINK_TYPE_BOOT, (struct part){&boot, sizeof boot});
}

void link_trap(struct link *link, const struct link_trap *trap) {
    send_alone(link, LINK_TYPE_TRAP, (struct part){trap, sizeof *trap});
}

static void end_session(struct link *link) {
    if (link->session == 0) return;
    link->session = 0;
    link->events->session(link, false);
}

/* In any state, on a HELLO: the session before is over, the one of this nonce begins, WELCOME is its first frame. */
static void hello(struct link *link, const uint8_t *payload, size_t len) {
    const struct link_hello *h = (const struct link_hello *)payload;
    if (len < sizeof *h || h->magic != LINK_MAGIC || h->nonce == 0) {
        link->counters[LINK_COUNTER_BAD]++;
        return;
    }
    bool common = h->version_min <= LINK_VERSION && LINK_VERSION <= h->version_max;
    struct link_welcome welcome = {
        .magic = LINK_MAGIC,
        .version = common ? LINK_VERSION : 0,
        .ports = link->id.ports,
        .mode = link->id.mode,
        .xlen = 8 * sizeof(void *),
        .nonce = h->nonce,
        .boot_id = link->id.boot_id,
        .window = link->id.window,
        .caps = link->id.caps,
        .uptime = link->now,
        .frames_sent = link->total_sent,
        .frames_received = link->total_received,
        .frames_lost = link->total_lost,
    };
    memcpy(welcome.build, link->id.build, sizeof welcome.build);
    copy_name(welcome.name, sizeof welcome.name, link->id.name);
    if (!common) {
        send_alone(link, LINK_TYPE_WELCOME, (struct part){&welcome, sizeof welcome});
        return;
    }
    uint32_t nonce = h->nonce;
    uint32_t window = h->window;
    end_session(link);
    link->session = nonce;
    link->tx_seq = link->rx_seq = 0;
    link->tx_pos = link->rx_pos = 0;
    link->tx_limit = window;
    link->frames_sent = link->frames_received = link->frames_lost = link->frame_next = 0;
    link->call_id = 0;
    link->heard = link->beat = link->now;
    link->counters[LINK_COUNTER_SESSIONS]++;
    send(link, LINK_TYPE_WELCOME, (struct part){0, 0}, (struct part){&welcome, sizeof welcome}, false);
    link->events->session(link, true);
}

static void lost_before(struct link *link, uint32_t n) {
    link->frames_lost += n;
    link->total_lost += n;
}

static void frame(struct link *link, const uint8_t *payload, size_t len) {
    const struct link_frame *head = (const struct link_frame *)payload;
    if (len < sizeof *head) {
        link->counters[LINK_COUNTER_BAD]++;
        return;
    }
    uint32_t lost = head->number - link->frame_next;
    link->frame_next = head->number + 1;
    link->frames_received++;
    link->total_received++;
    lost_before(link, lost);
    link->events->frame(link, head->port, payload + sizeof *head, len - sizeof *head, lost);
}

/* It was said behind the FRAMEs that it counts: those that have not come will not. */
static void heartbeat_came(struct link *link, const uint8_t *payload, size_t len) {
    const struct link_heartbeat *b = (const struct link_heartbeat *)payload;
    if (len < sizeof *b) {
        link->counters[LINK_COUNTER_BAD]++;
        return;
    }
    uint32_t lost = b->sent - link->frame_next;
    if (lost == 0) return;
    link->frame_next = b->sent;
    lost_before(link, lost);
    link->events->lost(link, lost);
}

/* A host that missed the result calls again with the same ID: the answer is kept, and nothing done twice. */
static void call(struct link *link, const uint8_t *payload, size_t len) {
    const struct link_call *c = (const struct link_call *)payload;
    if (len < sizeof *c || c->id == 0) {
        link->counters[LINK_COUNTER_BAD]++;
        return;
    }
    if (c->id != link->call_id) {
        struct link_result *result = (struct link_result *)link->result;
        size_t n = 0;
        int32_t status = link->events->call(link, c->op, payload + sizeof *c, len - sizeof *c,
                                            link->result + sizeof *result, sizeof link->result - sizeof *result, &n);
        result->id = c->id;
        result->status = (uint32_t)status;
        link->call_id = c->id;
        link->result_len = sizeof *result + n;
    }
    send(link, LINK_TYPE_RESULT, (struct part){0, 0}, (struct part){link->result, link->result_len}, true);
}

/* A good frame of the session, in order. */
static void received(struct link *link, const struct link_header *h, const uint8_t *payload, size_t len) {
    switch (h->type) {
    case LINK_TYPE_HEARTBEAT:
        heartbeat_came(link, payload, len);
        break;
    case LINK_TYPE_BYE:
        end_session(link);
        break;
    case LINK_TYPE_FRAME:
        frame(link, payload, len);
        break;
    case LINK_TYPE_CALL:
        call(link, payload, len);
        break;
    default: /* of a later version: not for us */
        break;
    }
}

static void good(struct link *link, size_t len, size_t wire) {
    const struct link_header *h = (const struct link_header *)link->rx;
    const uint8_t *payload = link->rx + sizeof *h;
    if (h->session == 0) {
        if (h->type == LINK_TYPE_HELLO) hello(link, payload, len);
        else link->counters[LINK_COUNTER_STALE]++;
        return;
    }
    if (h->session != link->session) {
        link->counters[LINK_COUNTER_STALE]++;
        if (link->session == 0 && link->now - link->boot_said >= BOOT_EVERY) link_boot(link);
        return;
    }
    int16_t gap = (int16_t)(h->seq - link->rx_seq);
    if (gap < 0) {
        link->counters[LINK_COUNTER_DUPLICATES]++;
        return;
    }
    link->counters[LINK_COUNTER_LOST] += (uint16_t)gap;
    link->counters[LINK_COUNTER_RX_FRAMES]++;
    link->rx_seq = (uint16_t)(h->seq + 1);
    link->rx_pos = h->pos + (uint32_t)wire;
    link->heard = link->now;
    if ((int32_t)(h->limit - link->tx_limit) > 0) link->tx_limit = h->limit;
    received(link, h, payload, len);
    /* Half the window is free and the host does not know. */
    if (link->session != 0 && link->rx_pos + link->id.window - link->told >= link->id.window / 2) heartbeat(link);
}

static void ended(struct link *link, size_t len, size_t wire) {
    uint32_t crc;
    if (len < sizeof(struct link_header) + sizeof crc) {
        link->counters[LINK_COUNTER_BAD]++;
        return;
    }
    len -= sizeof crc;
    memcpy(&crc, link->rx + len, sizeof crc);
    if (crc != crc32(0, link->rx, len)) link->counters[LINK_COUNTER_BAD]++;
    else good(link, len - sizeof(struct link_header), wire + 2);
}

void link_rx(struct link *link, const uint8_t *bytes, size_t n, uint64_t now) {
    link->now = now;
    link->counters[LINK_COUNTER_RX_BYTES] += n;
    for (; n != 0; n--) {
        switch (cobs_read(&link->reader, *bytes++)) {
        case COBS_MORE:
            break;
        case COBS_BAD:
            link->counters[LINK_COUNTER_BAD]++;
            break;
        case COBS_FRAME:
            ended(link, link->reader.len, link->reader.wire);
            break;
        }
    }
}

void link_tick(struct link *link, uint64_t now) {
    link->now = now;
    if (link->session == 0) return;
    if (now - link->heard > LINK_BOARD_SILENCE_MS * MS) end_session(link);
    else if (now - link->beat >= LINK_HEARTBEAT_MS * MS) heartbeat(link);
}

void link_init(struct link *link, const struct link_identity *id, const struct link_line *line,
               const struct link_events *events) {
    crc32_init();
    memset(link, 0, sizeof *link);
    link->id = *id;
    link->line = line;
    link->events = events;
    cobs_reader_init(&link->reader, link->rx, sizeof link->rx);
}
