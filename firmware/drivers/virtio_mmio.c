#include "../start/mmio.h"
#include "virtqueue.h"

#define MAGIC 0x000
#define VERSION 0x004
#define DEVICE_ID 0x008
#define DEVICE_FEATURES 0x010
#define DEVICE_FEATURES_SEL 0x014
#define DRIVER_FEATURES 0x020
#define DRIVER_FEATURES_SEL 0x024
#define GUEST_PAGE_SIZE 0x028 /* legacy */
#define QUEUE_SEL 0x030
#define QUEUE_NUM_MAX 0x034
#define QUEUE_NUM 0x038
#define QUEUE_ALIGN 0x03c /* legacy */
#define QUEUE_PFN 0x040   /* legacy */
#define QUEUE_READY 0x044
#define QUEUE_NOTIFY 0x050
#define INTERRUPT_STATUS 0x060
#define INTERRUPT_ACK 0x064
#define STATUS 0x070
#define QUEUE_DESC 0x080
#define QUEUE_DRIVER 0x090
#define QUEUE_DEVICE 0x0a0
#define CONFIG 0x100

#define MAGIC_VALUE 0x74726976u /* "virt" */
#define PAGE 4096u
#define ACKNOWLEDGE 1u
#define DRIVER 2u
#define DRIVER_OK 4u
#define FEATURES_OK 8u
#define VIRTIO_F_VERSION_1 (1ull << 32)

bool virtio_found(struct virtio_mmio *dev, uintptr_t base, uint32_t device_id) {
    uint32_t version = read32(base + VERSION);
    if (read32(base + MAGIC) != MAGIC_VALUE || read32(base + DEVICE_ID) != device_id) return false;
    if (version != 1 && version != 2) return false;
    *dev = (struct virtio_mmio){.base = base, .legacy = version == 1};
    return true;
}

static void add_status(struct virtio_mmio *dev, uint32_t bit) {
    write32(dev->base + STATUS, read32(dev->base + STATUS) | bit);
}

uint64_t virtio_begin(struct virtio_mmio *dev, uint64_t wanted) {
    uintptr_t base = dev->base;
    write32(base + STATUS, 0);
    while (read32(base + STATUS) != 0) continue;
    add_status(dev, ACKNOWLEDGE);
    add_status(dev, DRIVER);
    write32(base + DEVICE_FEATURES_SEL, 0);
    uint64_t offered = read32(base + DEVICE_FEATURES);
    if (!dev->legacy) {
        write32(base + DEVICE_FEATURES_SEL, 1);
        offered |= (uint64_t)read32(base + DEVICE_FEATURES) << 32;
        wanted |= VIRTIO_F_VERSION_1;
    }
    uint64_t taken = offered & wanted;
    write32(base + DRIVER_FEATURES_SEL, 0);
    write32(base + DRIVER_FEATURES, (uint32_t)taken);
    if (dev->legacy) {
        write32(base + GUEST_PAGE_SIZE, PAGE);
        return taken | VIRTIO_F_VERSION_1 << 31; /* never 0: legacy devices cannot refuse */
    }
    write32(base + DRIVER_FEATURES_SEL, 1);
    write32(base + DRIVER_FEATURES, (uint32_t)(taken >> 32));
    add_status(dev, FEATURES_OK);
    return (read32(base + STATUS) & FEATURES_OK) != 0 ? taken : 0;
}

static void put_address(uintptr_t at, const volatile void *memory) {
    write32(at, (uint32_t)(uintptr_t)memory);
    write32(at + 4, (uint32_t)((uint64_t)(uintptr_t)memory >> 32));
}

bool virtio_queue(struct virtio_mmio *dev, uint32_t index, struct virtq *queue) {
    uintptr_t base = dev->base;
    struct virtq_memory *memory = queue->memory;
    write32(base + QUEUE_SEL, index);
    if (read32(base + QUEUE_NUM_MAX) < VIRTQ_PLACES) return false;
    write32(base + QUEUE_NUM, VIRTQ_PLACES);
    for (unsigned i = 0; i < VIRTQ_PLACES; i++) memory->desc[i].addr = (uintptr_t)queue->bufs[i];
    fence_io();
    if (dev->legacy) {
        write32(base + QUEUE_ALIGN, PAGE);
        write32(base + QUEUE_PFN, (uint32_t)((uintptr_t)memory / PAGE));
        return true;
    }
    put_address(base + QUEUE_DESC, memory->desc);
    put_address(base + QUEUE_DRIVER, &memory->avail);
    put_address(base + QUEUE_DEVICE, &memory->used);
    write32(base + QUEUE_READY, 1);
    return true;
}

void virtio_ready(struct virtio_mmio *dev) {
    add_status(dev, DRIVER_OK);
}

void virtio_notify(struct virtio_mmio *dev, uint32_t index) {
    fence_io();
    write32(dev->base + QUEUE_NOTIFY, index);
}

uint32_t virtio_ack(struct virtio_mmio *dev) {
    uint32_t why = read32(dev->base + INTERRUPT_STATUS);
    write32(dev->base + INTERRUPT_ACK, why);
    return why;
}

uintptr_t virtio_config(const struct virtio_mmio *dev) {
    return dev->base + CONFIG;
}
