/*
 * The SiFive UART (FU540-C000 manual, chapter 13): FIFOs of 8 bytes, an interrupt while more than the watermark waits
 * to be read or less than the watermark to be sent.
 */
#include "../start/plic.h"
#include "board.h"
#include "uart_rings.h"

#define TXDATA (UART_BASE + 0x00u)
#define RXDATA (UART_BASE + 0x04u)
#define TXCTRL (UART_BASE + 0x08u)
#define RXCTRL (UART_BASE + 0x0cu)
#define IE (UART_BASE + 0x10u)
#define DIV (UART_BASE + 0x18u)

#define TX_FULL 0x80000000u
#define RX_EMPTY 0x80000000u
#define ENABLE 1u
#define TX_WATERMARK_1 (1u << 16)
#define IE_TX 1u
#define IE_RX 2u
#define DRAIN_SPINS 20000000u

static void transmit(void) {
    while (ring_used(&uart_tx) != 0 && (read32(TXDATA) & TX_FULL) == 0) write32(TXDATA, ring_take(&uart_tx));
    write32(IE, ring_used(&uart_tx) != 0 ? IE_RX | IE_TX : IE_RX);
}

static void irq(void *arg) {
    (void)arg;
    for (uint32_t data; ((data = read32(RXDATA)) & RX_EMPTY) == 0;)
        if (!ring_put(&uart_rx, (uint8_t)data)) uart_lost++;
    transmit();
}

void uart_init(void) {
    write32(IE, 0);
    write32(DIV, UART_DIVISOR);
    write32(TXCTRL, ENABLE | TX_WATERMARK_1);
    write32(RXCTRL, ENABLE);
    plic_enable(UART_IRQ, irq, 0);
    write32(IE, IE_RX);
}

void uart_kick(void) {
    transmit();
}

void uart_drain(void) {
    for (uint32_t i = 0; i < DRAIN_SPINS && ring_used(&uart_tx) != 0; i++)
        if ((read32(TXDATA) & TX_FULL) == 0) write32(TXDATA, ring_take(&uart_tx));
}
