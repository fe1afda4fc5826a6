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

static volatile uint64_t tick_at, wake_at = UINT64_MAX;

static void set_timer(void) {
    uint64_t next = wake_at < tick_at ? wake_at : tick_at;
    write32(MTIMECMP + 4, 0xffffffffu); /* no interrupt while half of it is written */
    write32(MTIMECMP, (uint32_t)next);
    write32(MTIMECMP + 4, (uint32_t)(next >> 32));
}

bool clock_irq(void) {
    uint64_t now = mtime();
    bool tick = now >= tick_at;
    if (tick) tick_at = now + TICK;
    if (now >= wake_at) wake_at = UINT64_MAX;
    set_timer();
    return tick;
}

void clock_wake(uint64_t ns) {
    uint64_t at = ns == UINT64_MAX ? UINT64_MAX : (ns + NS_PER_TICK - 1) / NS_PER_TICK;
    irq_disable();
    if (at != wake_at) {
        wake_at = at;
        set_timer();
    }
    irq_enable();
}

void clock_start(void) {
    tick_at = mtime() + TICK;
    set_timer();
    csr_set(mie, MIE_MTIE);
}
