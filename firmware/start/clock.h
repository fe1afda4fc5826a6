/* The machine timer (CLINT): time since the start, and the interrupt that wakes the main loop. */
#pragma once
#include <stdint.h>

/* ns since power came; never goes back. */
uint64_t clock_ns(void);
/* From now on the timer interrupt comes every 10 ms. */
void clock_start(void);
/* The timer interrupt: sets the next one. */
void clock_irq(void);
