/* Registers of devices, and the orders between them and memory. */
#pragma once
#include <stdint.h>

static inline void write32(uintptr_t at, uint32_t value) {
    *(volatile uint32_t *)at = value;
}
static inline uint32_t read32(uintptr_t at) {
    return *(volatile uint32_t *)at;
}
static inline void write8(uintptr_t at, uint8_t value) {
    *(volatile uint8_t *)at = value;
}
static inline uint8_t read8(uintptr_t at) {
    return *(volatile uint8_t *)at;
}

/* All of memory and devices before it comes before all after it. */
static inline void fence_io(void) {
    __asm__ volatile("fence iorw, iorw" ::: "memory");
}
