/* Control and status registers of machine mode (RISC-V privileged architecture, chapter 3). */
#pragma once
#include <stdint.h>

#define MSTATUS_MIE 0x8u
#define MIE_MTIE 0x80u
#define MIE_MEIE 0x800u
#define MCAUSE_INTERRUPT ((uintptr_t)1 << (8 * sizeof(uintptr_t) - 1))
#define IRQ_M_TIMER 7
#define IRQ_M_EXTERNAL 11

#define csr_read(name)                                           \
    ({                                                           \
        uintptr_t value_;                                        \
        __asm__ volatile("csrr %0, " #name : "=r"(value_));      \
        value_;                                                  \
    })
#define csr_set(name, bits) __asm__ volatile("csrs " #name ", %0" ::"r"((uintptr_t)(bits)) : "memory")
#define csr_clear(name, bits) __asm__ volatile("csrc " #name ", %0" ::"r"((uintptr_t)(bits)) : "memory")

/* Instructions that the hart has retired since it started; on 32 bits in two halves, of which the upper may move on. */
static inline uint64_t csr_instructions(void) {
    if (sizeof(uintptr_t) == 8) return csr_read(minstret);
    uintptr_t high, low;
    do {
        high = csr_read(0xb82);
        low = csr_read(minstret);
    } while (high != csr_read(0xb82));
    return (uint64_t)high << 32 | low;
}

static inline void irq_enable(void) {
    csr_set(mstatus, MSTATUS_MIE);
}
static inline void irq_disable(void) {
    csr_clear(mstatus, MSTATUS_MIE);
}
