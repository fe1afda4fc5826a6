/*
 * LinkMode.REFLECT: what a port receives it sends back, Ethernet addresses exchanged. For measuring all that lies
 * before the port; a frame to a group address would come back as a storm, and is dropped.
 */
#include "../start/fw.h"
#include <string.h>

static void reflect(struct nic *nic, const uint8_t *frame, size_t len) {
    uint8_t copy[NIC_FRAME_MAX];
    nic->counters[LINK_PORT_COUNTER_RX_FRAMES]++;
    nic->counters[LINK_PORT_COUNTER_RX_BYTES] += len;
    if (len < 14 || (frame[0] & 1) != 0) {
        nic->counters[LINK_PORT_COUNTER_RX_DROPPED]++;
        return;
    }
    memcpy(copy, frame + 6, 6);
    memcpy(copy + 6, frame, 6);
    memcpy(copy + 12, frame + 12, len - 12);
    if (nic->ops->tx(nic, copy, len) != 0) {
        nic->counters[LINK_PORT_COUNTER_TX_DROPPED]++;
        return;
    }
    nic->counters[LINK_PORT_COUNTER_TX_FRAMES]++;
    nic->counters[LINK_PORT_COUNTER_TX_BYTES] += len;
}

static bool poll(uint64_t now) {
    (void)now;
    for (unsigned i = 0; i < fw_nic_count; i++) {
        size_t len;
        const uint8_t *frame;
        for (unsigned n = 0; n < 32 && (frame = fw_nics[i].ops->rx(&fw_nics[i], &len)) != NULL; n++) {
            reflect(&fw_nics[i], frame, len);
            fw_nics[i].ops->rx_done(&fw_nics[i]);
        }
    }
    return false;
}

static void from_line(uint8_t port, const uint8_t *frame, size_t len) {
    (void)frame;
    (void)len;
    fw_nics[port].counters[LINK_PORT_COUNTER_TX_DROPPED]++;
}

static int begin(void) {
    return 0;
}
static void end(void) {}

const struct fw_mode reflect_mode = {.begin = begin, .end = end, .frame = from_line, .poll = poll};
