/* What a UART's driver has of uart.h already: the two rings (uart_rings.c). It fills and empties them in its interrupt. */
#pragma once
#include "byte_ring.h"
#include "uart.h"

extern struct byte_ring uart_rx, uart_tx;
extern volatile uint32_t uart_lost;

/* The driver's: there is something in uart_tx to begin with. Called with interrupts off. */
void uart_kick(void);
