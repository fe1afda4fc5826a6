/* Bytes between an interrupt and the main loop: one side moves `head`, the other `tail`, neither waits. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct byte_ring {
    uint8_t *bytes;
    /* A power of two less one. */
    uint32_t mask;
    volatile uint32_t head;
    volatile uint32_t tail;
};

static inline uint32_t ring_used(const struct byte_ring *r) {
    return r->head - r->tail;
}
static inline uint32_t ring_room(const struct byte_ring *r) {
    return r->mask + 1 - ring_used(r);
}
static inline bool ring_put(struct byte_ring *r, uint8_t byte) {
    if (ring_room(r) == 0) return false;
    r->bytes[r->head & r->mask] = byte;
    __asm__ volatile("" ::: "memory"); /* one hart: the compiler must keep the order, the hart does */
    r->head++;
    return true;
}
static inline uint8_t ring_take(struct byte_ring *r) {
    uint8_t byte = r->bytes[r->tail & r->mask];
    __asm__ volatile("" ::: "memory");
    r->tail++;
    return byte;
}
