#include "trap.h"
#include "../drivers/uart.h"
#include "clock.h"
#include "csr.h"
#include "fw.h"
#include "plic.h"
#include "reboot.h"

#define WATCHDOG_TICKS 200 /* of 10 ms */

void trap_entry(uintptr_t cause, uintptr_t pc, uintptr_t ra, uintptr_t sp);

static volatile uint32_t idle_ticks;

void watchdog_feed(void) {
    idle_ticks = 0;
}

void trap_report(enum link_trap_kind kind, uint64_t cause, uint64_t pc, uint64_t address, uint64_t ra, uint64_t sp) {
    irq_disable();
    struct link_trap trap = {
        .kind = kind,
        .boot_id = reboot_boot_id(),
        .cause = cause,
        .pc = pc,
        .address = address,
        .ra = ra,
        .sp = sp,
    };
    uart_drain();
    link_trap(&fw_link, &trap);
    uart_drain();
    reboot(kind == LINK_TRAP_KIND_WATCHDOG ? LINK_BOOT_REASON_WATCHDOG : LINK_BOOT_REASON_TRAP);
}

void trap_entry(uintptr_t cause, uintptr_t pc, uintptr_t ra, uintptr_t sp) {
    if (cause == (MCAUSE_INTERRUPT | IRQ_M_EXTERNAL)) {
        plic_irq();
        fw_woken = true;
    } else if (cause == (MCAUSE_INTERRUPT | IRQ_M_TIMER)) {
        if (clock_irq() && ++idle_ticks > WATCHDOG_TICKS) trap_report(LINK_TRAP_KIND_WATCHDOG, 0, pc, 0, ra, sp);
    } else {
        trap_report(LINK_TRAP_KIND_MACHINE, cause, pc, csr_read(mtval), ra, sp);
    }
}
