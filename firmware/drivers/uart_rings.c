/* The half of uart.h that is the same for every UART: its two rings, seen from the main loop. */
#include "../start/csr.h"
#include "uart_rings.h"

static uint8_t rx_bytes[UART_RX_BYTES], tx_bytes[UART_TX_BYTES];
struct byte_ring uart_rx = {.bytes = rx_bytes, .mask = UART_RX_BYTES - 1};
struct byte_ring uart_tx = {.bytes = tx_bytes, .mask = UART_TX_BYTES - 1};
volatile uint32_t uart_lost;

size_t uart_read(uint8_t *to, size_t max) {
    size_t n = 0;
    while (n < max && ring_used(&uart_rx) != 0) to[n++] = ring_take(&uart_rx);
    return n;
}

size_t uart_room(void) {
    return ring_room(&uart_tx);
}

void uart_write(const uint8_t *bytes, size_t n) {
    while (n-- != 0) ring_put(&uart_tx, *bytes++);
    /* The interrupt handler works the same registers, and takes from the ring. */
    uintptr_t was = csr_read(mstatus) & MSTATUS_MIE;
    irq_disable();
    uart_kick();
    csr_set(mstatus, was);
}

uint32_t uart_overruns(void) {
    return uart_lost;
}
