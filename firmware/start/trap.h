/* Traps and the watchdog: what went wrong is told over the line, then the board starts again. */
#pragma once
#include <stdint.h>
#include "../link/link_abi.h"

/* Called with interrupts off by whoever cannot go on. */
__attribute__((noreturn)) void trap_report(enum link_trap_kind kind, uint64_t cause, uint64_t pc, uint64_t address,
                                           uint64_t ra, uint64_t sp);
/* The main loop went round. Two seconds without it are a watchdog's trap. */
void watchdog_feed(void);
