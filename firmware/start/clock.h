/* The machine timer (CLINT): time since the start, and the interrupt that wakes the main loop. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* ns since power came; never goes back. */
uint64_t clock_ns(void);
/* From now on the timer interrupt comes every 10 ms. */
void clock_start(void);
/* ... and at this time, once; UINT64_MAX: not. */
void clock_wake(uint64_t ns);
/* The timer interrupt: sets the next one. True when it was the one of every 10 ms. */
bool clock_irq(void);
