/*
 * The 16550 (National Semiconductor PC16550D): FIFOs of 16 bytes, an interrupt at 14 received ones or when the line
 * rests, and one when the transmit FIFO is empty.
 */
#include "board.h"
#include "../start/plic.h"
#include "uart_rings.h"

#define REG(n) (UART_BASE + (n) * UART_STRIDE)
#define RBR REG(0) /* receive buffer; transmit holding register when written */
#define THR REG(0)
#define DLL REG(0)
#define DLM REG(1)
#define IER REG(1)
#define FCR REG(2)
#define LCR REG(3)
#define MCR REG(4)
#define LSR REG(5)

#define IER_RX 1u
#define IER_TX 2u
#define FCR_ENABLE 1u
#define FCR_CLEAR 6u
#define FCR_TRIGGER_14 0xc0u
#define LCR_8N1 3u
#define LCR_DLAB 0x80u
#define MCR_DTR_RTS_OUT2 0x0bu
#define LSR_DR 1u
#define LSR_OE 2u
#define LSR_THRE 0x20u
#define LSR_TEMT 0x40u
#define FIFO_BYTES 16
#define DRAIN_SPINS 20000000u

static void receive(void) {
    for (uint8_t lsr; ((lsr = read8(LSR)) & LSR_DR) != 0;) {
        if ((lsr & LSR_OE) != 0) uart_lost++;
        if (!ring_put(&uart_rx, read8(RBR))) uart_lost++;
    }
}

static void transmit(void) {
    if ((read8(LSR) & LSR_THRE) == 0) return;
    for (int i = 0; i < FIFO_BYTES && ring_used(&uart_tx) != 0; i++) write8(THR, ring_take(&uart_tx));
    write8(IER, ring_used(&uart_tx) != 0 ? IER_RX | IER_TX : IER_RX);
}

static void irq(void *arg) {
    (void)arg;
    receive();
    transmit();
}

void uart_init(void) {
    write8(IER, 0);
    write8(LCR, LCR_DLAB);
    write8(DLL, UART_DIVISOR & 0xff);
    write8(DLM, UART_DIVISOR >> 8);
    write8(LCR, LCR_8N1);
    write8(FCR, FCR_ENABLE | FCR_CLEAR | FCR_TRIGGER_14);
    write8(MCR, MCR_DTR_RTS_OUT2);
    /* What came before the FIFO was on holds the receive interrupt back for good, unless it is read. */
    (void)read8(RBR);
    plic_enable(UART_IRQ, irq, 0);
    write8(IER, IER_RX);
}

void uart_kick(void) {
    write8(IER, IER_RX | IER_TX);
}

void uart_drain(void) {
    for (uint32_t i = 0; i < DRAIN_SPINS && ring_used(&uart_tx) != 0; i++)
        if ((read8(LSR) & LSR_THRE) != 0) write8(THR, ring_take(&uart_tx));
    for (uint32_t i = 0; i < DRAIN_SPINS && (read8(LSR) & LSR_TEMT) == 0; i++) continue;
}
