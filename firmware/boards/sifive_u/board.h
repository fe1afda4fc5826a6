/*
 * HiFive Unleashed and Unmatched (SiFive FU540-C000 and FU740-C000 manuals, memory map): the monitor core (hart 0, E51
 * or S7) runs, in machine mode. QEMU's sifive_u has the same map; a real one needs the loader before us to have set
 * DDR, clocks and the Ethernet PHY.
 */
#pragma once
#include "../../start/mmio.h"

#define BOARD_NAME "sifive_u"
#define BOARD_NICS 1

#define CLINT_BASE 0x02000000u
#define CLINT_HZ 1000000u
#define PLIC_BASE 0x0c000000u
#define PLIC_CONTEXT 0 /* hart 0, machine mode */

#define UART_BASE 0x10010000u
#define UART_IRQ 4
/* QEMU keeps to no rate; a real one divides its bus clock by this, plus 1. */
#define UART_DIVISOR 0

#define GEM_BASE 0x10090000u
#define GEM_IRQ 53
/* Where the PHY did not say otherwise. */
#define GEM_SPEED_MBPS 1000u

#define GPIO_BASE 0x10060000u
#define GPIO_OUTPUT_EN 0x08u
#define GPIO_OUTPUT_VAL 0x0cu
#define GPIO_RESET (1u << 10)

/* Pin 10 low pulls the board's reset. */
static inline void board_reset(void) {
    write32(GPIO_BASE + GPIO_OUTPUT_VAL, read32(GPIO_BASE + GPIO_OUTPUT_VAL) | GPIO_RESET);
    write32(GPIO_BASE + GPIO_OUTPUT_EN, read32(GPIO_BASE + GPIO_OUTPUT_EN) | GPIO_RESET);
    write32(GPIO_BASE + GPIO_OUTPUT_VAL, read32(GPIO_BASE + GPIO_OUTPUT_VAL) & ~GPIO_RESET);
}
