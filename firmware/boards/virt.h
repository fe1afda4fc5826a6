/*
 * QEMU's `virt` machine (hw/riscv/virt.c of QEMU documents the map): one hart in machine mode, RAM at 0x80000000, a
 * ns16550, up to eight virtio-mmio slots, CLINT and PLIC as SiFive's, and a test device that resets.
 */
#pragma once
#include "../start/mmio.h"

#define BOARD_NICS 2

#define CLINT_BASE 0x02000000u
#define CLINT_HZ 10000000u
#define PLIC_BASE 0x0c000000u
#define PLIC_CONTEXT 0 /* hart 0, machine mode */

#define UART_BASE 0x10000000u
#define UART_IRQ 10
#define UART_STRIDE 1
/* QEMU keeps to no rate; a real 16550 divides its clock by 16 times this. */
#define UART_DIVISOR 1

#define VIRTIO_BASE 0x10001000u
#define VIRTIO_STRIDE 0x1000u
#define VIRTIO_SLOTS 8
#define VIRTIO_IRQ 1

#define TEST_BASE 0x00100000u
#define TEST_RESET 0x7777u

static inline void board_reset(void) {
    write32(TEST_BASE, TEST_RESET);
}
