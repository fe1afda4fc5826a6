#include "core_ports.h"
#include "core.h"
#include "../start/clock.h"
#include "../start/errno.h"
#include "../start/fw.h"

#define BURST 32u
#define NOBODY 0xffffffffu
#define PORTS (BOARD_NICS + LINK_LINE_PORTS)

/* Device of the core that has the port: first the board's, then the line's. */
static uint32_t devices[PORTS];

#define FIELD(rings, name) core_word((rings) + (uint32_t)offsetof(struct port, name))
#define SET_FIELD(rings, name, value) core_set((rings) + (uint32_t)offsetof(struct port, name), value)

void core_ports_clear(void) {
    for (unsigned i = 0; i < PORTS; i++) devices[i] = NOBODY;
}

static uint32_t rings_of(uint32_t handle) {
    if (handle >= core_config()->devices) return 0;
    return core_word(CORE_STATUS(port_table) + 4 * handle);
}

int32_t core_port_bind(uint32_t handle, uint32_t port) {
    if (core_run() != LINK_CORE_RUN_RUNNING || rings_of(handle) == 0) return -ENODEV;
    for (unsigned i = 0; i < PORTS; i++)
        if (devices[i] == handle) devices[i] = NOBODY;
    if (port == LINK_PORT_NONE) return 0;
    if (port < fw_nic_count) devices[port] = handle;
    else if (port - LINK_LINE_PORT < LINK_LINE_PORTS) devices[BOARD_NICS + port - LINK_LINE_PORT] = handle;
    else return -EINVAL;
    return 0;
}

/* The rings of who has the port, or 0. */
static uint32_t rings_at(unsigned i) {
    if (devices[i] == NOBODY) return 0;
    uint32_t rings = rings_of(devices[i]);
    if (rings == 0) devices[i] = NOBODY; /* the device went */
    return rings;
}

static uint32_t rx_space(uint32_t rings) {
    return FIELD(rings, rx_mask) + 1 - (FIELD(rings, rx_head) - FIELD(rings, rx_tail));
}

static void rx_put(uint32_t rings, uint32_t n, const uint8_t *frame, size_t len) {
    uint32_t desc = FIELD(rings, rx_ring) + ((FIELD(rings, rx_head) + n) & FIELD(rings, rx_mask)) * sizeof(struct rx_desc);
    memcpy(wasm_memory + core_word(desc), frame, len);
    core_set(desc + offsetof(struct rx_desc, len), (uint32_t)len);
    core_set(desc + offsetof(struct rx_desc, flags), 0);
}

static bool receive(struct nic *nic, uint32_t handle, uint32_t rings) {
    uint32_t space = rx_space(rings), n = 0;
    size_t len;
    const uint8_t *frame;
    while (n < space && n < BURST && (frame = nic->ops->rx(nic, &len)) != NULL) {
        rx_put(rings, n++, frame, len);
        nic->counters[LINK_PORT_COUNTER_RX_FRAMES]++;
        nic->counters[LINK_PORT_COUNTER_RX_BYTES] += len;
        nic->ops->rx_done(nic);
    }
    if (n != 0) core_rx(handle, 0, n);
    return n == BURST;
}

/* Nobody has the port: what came is counted, and goes. */
static void discard(struct nic *nic) {
    size_t len;
    while (nic->ops->rx(nic, &len) != NULL) {
        nic->counters[LINK_PORT_COUNTER_RX_FRAMES]++;
        nic->counters[LINK_PORT_COUNTER_RX_BYTES] += len;
        nic->counters[LINK_PORT_COUNTER_RX_DROPPED]++;
        nic->ops->rx_done(nic);
    }
}

bool core_ports_rx(void) {
    bool more = false;
    for (unsigned i = 0; i < fw_nic_count; i++) {
        uint32_t rings = rings_at(i);
        if (rings == 0) discard(&fw_nics[i]);
        else more |= receive(&fw_nics[i], devices[i], rings);
    }
    return more;
}

void core_ports_line(uint8_t port, const uint8_t *frame, size_t len) {
    unsigned i = BOARD_NICS + port - LINK_LINE_PORT;
    uint32_t rings = rings_at(i);
    if (rings == 0) return;
    if (len > NIC_FRAME_MAX || rx_space(rings) == 0) SET_FIELD(rings, rx_missed, FIELD(rings, rx_missed) + 1);
    else {
        rx_put(rings, 0, frame, len);
        core_rx(devices[i], 0, 1);
    }
}

/* The frame of a descriptor in one piece; 0 when it is longer than a port takes. */
static size_t gather(uint32_t desc, uint8_t *to) {
    uint32_t n = core_word(desc + offsetof(struct tx_desc, len)), frags = core_word(desc + offsetof(struct tx_desc, frags));
    if (n > NIC_FRAME_MAX) return 0;
    memcpy(to, wasm_memory + core_word(desc), n);
    if (frags == 0) return n;
    for (uint32_t left = core_word(frags), f = frags + 8; left != 0; left--, f += 12) {
        uint32_t len = core_word(f + 4);
        if (len > NIC_FRAME_MAX - n) return 0;
        memcpy(to + n, wasm_memory + core_word(f), len);
        n += len;
    }
    return n;
}

static int to_nic(struct nic *nic, const uint8_t *frame, size_t len) {
    int err = nic->ops->tx(nic, frame, len);
    if (err == -EAGAIN) return err;
    if (err != 0) nic->counters[LINK_PORT_COUNTER_TX_DROPPED]++;
    else {
        nic->counters[LINK_PORT_COUNTER_TX_FRAMES]++;
        nic->counters[LINK_PORT_COUNTER_TX_BYTES] += len;
    }
    return err;
}

static bool transmit(unsigned i, uint32_t rings) {
    static uint8_t frame[NIC_FRAME_MAX];
    uint32_t tail = FIELD(rings, tx_tail), head = FIELD(rings, tx_head), mask = FIELD(rings, tx_mask);
    uint32_t begin = tail;
    bool wait = false;
    for (; tail != head && !wait; tail += wait ? 0 : 1) {
        size_t n = gather(FIELD(rings, tx_ring) + (tail & mask) * sizeof(struct tx_desc), frame);
        int err = n == 0            ? -EMSGSIZE
                  : i < BOARD_NICS ? to_nic(&fw_nics[i], frame, n)
                                   : link_frame(&fw_link, (uint8_t)(LINK_LINE_PORT + i - BOARD_NICS), frame, n, clock_ns());
        wait = err == -EAGAIN;
        if (err != 0 && !wait) SET_FIELD(rings, tx_errors, FIELD(rings, tx_errors) + 1);
    }
    SET_FIELD(rings, tx_tail, tail);
    return tail != begin;
}

bool core_ports_tx(void) {
    bool sent = false;
    for (unsigned i = 0; i < PORTS; i++) {
        uint32_t rings = rings_at(i);
        if (rings != 0) sent |= transmit(i, rings);
    }
    return sent;
}
