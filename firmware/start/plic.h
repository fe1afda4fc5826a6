/* Platform-level interrupt controller (RISC-V PLIC 1.0): sources with a handler each. */
#pragma once
#include <stdint.h>

void plic_init(void);
/* The handler runs with interrupts off: it copies to a ring and sets a flag. */
void plic_enable(unsigned irq, void (*handler)(void *), void *arg);
/* The external interrupt: all that is claimed is handled. */
void plic_irq(void);
