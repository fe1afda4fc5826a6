/*
 * LinkMode.PORT: frames between the line and the board's Ethernet.
 *
 *   nic rx ring ─► link_frame ─► line          line ─► frame() ─► nic tx ring
 *
 * The receive ring is the queue before a slow line; when it is three quarters full, frames are dropped and counted
 * here rather than lost uncounted in a ring that ran over.
 */
#include "../start/clock.h"
#include "../start/errno.h"
#include "../start/fw.h"

static bool from_nic(struct nic *nic, uint8_t port) {
    size_t len;
    const uint8_t *frame;
    while ((frame = nic->ops->rx(nic, &len)) != NULL) {
        int err = link_frame(&fw_link, port, frame, len, clock_ns());
        if (err == -EAGAIN && nic->ops->rx_waiting(nic) <= nic->ops->rx_places * 3 / 4) return true;
        nic->counters[LINK_PORT_COUNTER_RX_FRAMES]++;
        nic->counters[LINK_PORT_COUNTER_RX_BYTES] += len;
        if (err != 0) nic->counters[LINK_PORT_COUNTER_RX_DROPPED]++;
        nic->ops->rx_done(nic);
    }
    return false;
}

static bool poll(uint64_t now) {
    (void)now;
    for (unsigned i = 0; i < fw_nic_count; i++) from_nic(&fw_nics[i], (uint8_t)i);
    return false;
}

static void to_nic(uint8_t port, const uint8_t *frame, size_t len) {
    struct nic *nic = &fw_nics[port];
    if (nic->ops->tx(nic, frame, len) != 0) {
        nic->counters[LINK_PORT_COUNTER_TX_DROPPED]++;
        return;
    }
    nic->counters[LINK_PORT_COUNTER_TX_FRAMES]++;
    nic->counters[LINK_PORT_COUNTER_TX_BYTES] += len;
}

static int begin(void) {
    return 0;
}
static void end(void) {}

const struct fw_mode port_mode = {.begin = begin, .end = end, .frame = to_nic, .poll = poll};
