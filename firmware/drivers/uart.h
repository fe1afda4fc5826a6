/*
 * The serial line: two rings that the interrupt works. Received bytes wait in one, bytes to send in the other.
 *
 *   UART ─irq─► rx ring ─► uart_read          uart_write ─► tx ring ─irq─► UART
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A host may have LINK_WINDOW on the way; heartbeats come on top of it. */
#define UART_RX_BYTES 16384u
#define UART_TX_BYTES 32768u
#define LINK_WINDOW 12288u

void uart_init(void);
size_t uart_read(uint8_t *to, size_t max);
size_t uart_room(void);
/* No more than uart_room() bytes. */
void uart_write(const uint8_t *bytes, size_t n);
/* Bytes that came and found no room. */
uint32_t uart_overruns(void);
/* With interrupts off: waits until all that was written has left, but not for ever. */
void uart_drain(void);
