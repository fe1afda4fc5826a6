#include "clock.h"
#include "board.h"
#include "csr.h"

#define MTIMECMP (CLINT_BASE + 0x4000u)
#define MTIME (CLINT_BASE + 0xbff8u)
#define NS_PER_TICK (1000000000u / CLINT_HZ)
#define TICK (CLINT_HZ / 100)

static uint64_t mtime(void) {
    uint32_t high, low;
    do {
        high = read32(MTIME + 4);
        low = read32(MTIME);
    } while (high != read32(MTIME + 4));
    return (uint64_t)high << 32 | low;
}

uint64_t clock_ns(void) {
    return mtime() * NS_PER_TICK;
}

void clock_irq(void) {
    uint64_t next = mtime() + TICK;
    write32(MTIMECMP + 4, 0xffffffffu); /* no interrupt while half of it is written */
    write32(MTIMECMP, (uint32_t)next);
    write32(MTIMECMP + 4, (uint32_t)(next >> 32));
}

void clock_start(void) {
    clock_irq();
    csr_set(mie, MIE_MTIE);
}
