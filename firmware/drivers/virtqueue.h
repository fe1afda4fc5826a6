/*
 * A split virtqueue (virtio 1.2, 2.7) in the layout that also a legacy device takes: one piece of memory, the used ring
 * on a page of its own.
 *
 *   0      1024      1158            4096
 *   ├ desc ┼─ avail ─┼── unused ─────┼─ used ─┤      VIRTQ_PLACES = 64
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTQ_PLACES 64u
#define VIRTQ_BUF_BYTES 2048u

struct virtq_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};
struct virtq_avail {
    uint16_t flags;
    uint16_t idx;
    uint16_t ring[VIRTQ_PLACES];
    uint16_t used_event;
};
struct virtq_used {
    uint16_t flags;
    uint16_t idx;
    struct {
        uint32_t id;
        uint32_t len;
    } ring[VIRTQ_PLACES];
    uint16_t avail_event;
};

struct virtq_memory {
    struct virtq_desc desc[VIRTQ_PLACES];
    struct virtq_avail avail;
    _Alignas(4096) struct virtq_used used;
};

/* A queue whose descriptor i owns buffer i. */
struct virtq {
    struct virtq_memory *memory;
    uint8_t (*bufs)[VIRTQ_BUF_BYTES];
    uint16_t seen;
};

/* Registers of virtio over MMIO (virtio 1.2, 4.2.2; legacy: 4.2.4). */
struct virtio_mmio {
    uintptr_t base;
    bool legacy;
};

/* The slot holds a device of this id: version 1 or 2. */
bool virtio_found(struct virtio_mmio *dev, uintptr_t base, uint32_t device_id);
/* Reset, then feature bits: those of `wanted` that the device has. 0 when it refuses them. */
uint64_t virtio_begin(struct virtio_mmio *dev, uint64_t wanted);
bool virtio_queue(struct virtio_mmio *dev, uint32_t index, struct virtq *queue);
void virtio_ready(struct virtio_mmio *dev);
void virtio_notify(struct virtio_mmio *dev, uint32_t index);
/* Reads and acknowledges what the interrupt was for. */
uint32_t virtio_ack(struct virtio_mmio *dev);
uintptr_t virtio_config(const struct virtio_mmio *dev);
