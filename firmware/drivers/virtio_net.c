/*
 * virtio-net over MMIO (virtio 1.2, 5.1): one receive and one transmit queue, no offloads. The header in front of each
 * frame is all zero; a legacy device has it without num_buffers.
 *
 *   buffer: │ header, 10 or 12 bytes │ frame │
 */
#include "../start/errno.h"
#include "../start/mmio.h"
#include "../start/plic.h"
#include "board.h"
#include "nic.h"
#include "virtqueue.h"
#include <string.h>

#define DEVICE_NET 1
#define VIRTIO_NET_F_MAC (1ull << 5)
#define VIRTIO_NET_F_STATUS (1ull << 16)
#define CONFIG_STATUS 6
#define S_LINK_UP 1u
#define DESC_F_WRITE 2u
#define RX 0
#define TX 1
#define HDR_LEGACY 10u
#define HDR 12u

struct virtio_net {
    struct virtio_mmio mmio;
    struct virtq rx, tx;
    uint32_t hdr;
    /* Places of the transmit ring that the device has. */
    uint16_t tx_busy;
    uint16_t tx_next;
    bool has_status;
};

static struct virtio_net devices[BOARD_NICS];
static struct virtq_memory memories[BOARD_NICS][2] __attribute__((aligned(4096)));
static uint8_t rx_bufs[BOARD_NICS][VIRTQ_PLACES][VIRTQ_BUF_BYTES] __attribute__((aligned(16)));
static uint8_t tx_bufs[BOARD_NICS][VIRTQ_PLACES][VIRTQ_BUF_BYTES] __attribute__((aligned(16)));

/* The device writes it. */
static uint16_t used_index(const struct virtq *q) {
    uint16_t idx = *(volatile uint16_t *)&q->memory->used.idx;
    fence_io();
    return idx;
}

static void make_available(struct virtq *q, uint16_t id) {
    struct virtq_avail *avail = &q->memory->avail;
    avail->ring[avail->idx % VIRTQ_PLACES] = id;
    fence_io();
    *(volatile uint16_t *)&avail->idx = (uint16_t)(avail->idx + 1);
}

static void give_rx(struct virtio_net *dev, uint16_t id) {
    struct virtq_desc *desc = &dev->rx.memory->desc[id];
    desc->len = VIRTQ_BUF_BYTES;
    desc->flags = DESC_F_WRITE;
    make_available(&dev->rx, id);
}

static unsigned rx_waiting(struct nic *nic) {
    struct virtio_net *dev = nic->driver;
    return (uint16_t)(used_index(&dev->rx) - dev->rx.seen);
}

static void rx_done(struct nic *nic) {
    struct virtio_net *dev = nic->driver;
    uint16_t id = (uint16_t)dev->rx.memory->used.ring[dev->rx.seen % VIRTQ_PLACES].id;
    dev->rx.seen++;
    give_rx(dev, id);
    virtio_notify(&dev->mmio, RX);
}

static const uint8_t *rx(struct nic *nic, size_t *len) {
    struct virtio_net *dev = nic->driver;
    while (rx_waiting(nic) != 0) {
        uint32_t id = dev->rx.memory->used.ring[dev->rx.seen % VIRTQ_PLACES].id;
        uint32_t n = dev->rx.memory->used.ring[dev->rx.seen % VIRTQ_PLACES].len;
        if (n > dev->hdr && n - dev->hdr <= NIC_FRAME_MAX) {
            *len = n - dev->hdr;
            return dev->rx.bufs[id] + dev->hdr;
        }
        nic->counters[LINK_PORT_COUNTER_RX_ERRORS]++;
        rx_done(nic);
    }
    return NULL;
}

static bool link_up(struct nic *nic) {
    struct virtio_net *dev = nic->driver;
    return !dev->has_status || (read8(virtio_config(&dev->mmio) + CONFIG_STATUS) & S_LINK_UP) != 0;
}

static int tx(struct nic *nic, const uint8_t *frame, size_t len) {
    struct virtio_net *dev = nic->driver;
    if (!nic->up) return -ENETDOWN;
    if (len > NIC_FRAME_MAX) return -EMSGSIZE;
    /* The queue is used in order: what came back is as many places free. */
    uint16_t back = (uint16_t)(used_index(&dev->tx) - dev->tx.seen);
    dev->tx.seen = (uint16_t)(dev->tx.seen + back);
    dev->tx_busy = (uint16_t)(dev->tx_busy - back);
    if (dev->tx_busy == VIRTQ_PLACES) return -EAGAIN;
    uint16_t id = dev->tx_next;
    dev->tx_next = (uint16_t)((id + 1) % VIRTQ_PLACES);
    dev->tx_busy++;
    uint8_t *buf = dev->tx.bufs[id];
    memset(buf, 0, dev->hdr);
    memcpy(buf + dev->hdr, frame, len);
    dev->tx.memory->desc[id].len = (uint32_t)(dev->hdr + len);
    dev->tx.memory->desc[id].flags = 0;
    make_available(&dev->tx, id);
    virtio_notify(&dev->mmio, TX);
    return 0;
}

static void irq(void *arg) {
    struct virtio_net *dev = arg;
    (void)virtio_ack(&dev->mmio); /* the main loop looks at the rings */
}

static const struct nic_ops ops = {
    .rx = rx,
    .rx_done = rx_done,
    .rx_waiting = rx_waiting,
    .rx_places = VIRTQ_PLACES,
    .tx = tx,
    .link_up = link_up,
};

static bool begin(struct nic *nic, unsigned n, uintptr_t base, unsigned irq_number) {
    struct virtio_net *dev = &devices[n];
    if (!virtio_found(&dev->mmio, base, DEVICE_NET)) return false;
    uint64_t features = virtio_begin(&dev->mmio, VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS);
    dev->hdr = dev->mmio.legacy ? HDR_LEGACY : HDR;
    dev->has_status = (features & VIRTIO_NET_F_STATUS) != 0;
    dev->rx = (struct virtq){.memory = &memories[n][RX], .bufs = rx_bufs[n]};
    dev->tx = (struct virtq){.memory = &memories[n][TX], .bufs = tx_bufs[n]};
    if (features == 0 || !virtio_queue(&dev->mmio, RX, &dev->rx) || !virtio_queue(&dev->mmio, TX, &dev->tx))
        return false;
    /* Sent frames are looked for when the next one is: no interrupt for them. */
    dev->tx.memory->avail.flags = 1;
    for (uint16_t i = 0; i < VIRTQ_PLACES; i++) give_rx(dev, i);
    for (unsigned i = 0; i < sizeof nic->mac; i++) nic->mac[i] = read8(virtio_config(&dev->mmio) + i);
    nic->ops = &ops;
    nic->driver = dev;
    plic_enable(irq_number, irq, dev);
    virtio_ready(&dev->mmio);
    virtio_notify(&dev->mmio, RX);
    return true;
}

unsigned nics_init(struct nic *nics, unsigned max) {
    unsigned n = 0;
    /* QEMU fills the slots from the last one on. */
    for (unsigned slot = VIRTIO_SLOTS; slot-- != 0 && n < max;)
        if (begin(&nics[n], n, VIRTIO_BASE + slot * VIRTIO_STRIDE, VIRTIO_IRQ + slot)) n++;
    return n;
}
