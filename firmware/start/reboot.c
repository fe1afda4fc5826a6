#include "reboot.h"
#include "../link/crc32.h"
#include "../link/link_abi.h"
#include "board.h"
#include "clock.h"
#include "csr.h"

#define KEPT_MAGIC 0x4b455054u

/* Valid when the magic is there: RAM after power-on holds anything. */
static struct {
    uint32_t magic;
    uint32_t starts;
    uint32_t reason;
    uint32_t seed;
} kept __attribute__((section(".noinit")));

static uint32_t boot_id;
static uint8_t reason;

void reboot_note_start(void) {
    if (kept.magic != KEPT_MAGIC) {
        kept.magic = KEPT_MAGIC;
        kept.starts = 0;
        kept.reason = LINK_BOOT_REASON_POWER;
        kept.seed = 0;
    }
    kept.starts++;
    reason = (uint8_t)kept.reason;
    /* What comes next unannounced is a reset from outside. */
    kept.reason = LINK_BOOT_REASON_POWER;
    struct {
        uint64_t time;
        uint64_t cycles;
        uint32_t starts;
        uint32_t seed;
    } mix = {clock_ns(), csr_read(mcycle), kept.starts, kept.seed};
    crc32_init();
    boot_id = crc32(0, &mix, sizeof mix);
    kept.seed = boot_id;
}

uint32_t reboot_boot_id(void) {
    return boot_id;
}

uint32_t reboot_starts(void) {
    return kept.starts;
}

uint8_t reboot_reason(void) {
    return reason;
}

void reboot(uint8_t why) {
    irq_disable();
    kept.reason = why;
    fence_io();
    board_reset();
    for (;;) __asm__ volatile("wfi");
}
