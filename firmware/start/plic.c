#include "plic.h"
#include <stddef.h>
#include "board.h"
#include "csr.h"

#define PRIORITY(irq) (PLIC_BASE + 4u * (irq))
#define ENABLE(irq) (PLIC_BASE + 0x2000u + 0x80u * PLIC_CONTEXT + 4u * ((irq) / 32))
#define THRESHOLD (PLIC_BASE + 0x200000u + 0x1000u * PLIC_CONTEXT)
#define CLAIM (THRESHOLD + 4u)
#define SOURCES 64

static struct {
    void (*handler)(void *);
    void *arg;
} sources[SOURCES];

void plic_init(void) {
    for (unsigned irq = 0; irq < SOURCES; irq += 32) write32(ENABLE(irq), 0);
    write32(THRESHOLD, 0);
    csr_set(mie, MIE_MEIE);
}

void plic_enable(unsigned irq, void (*handler)(void *), void *arg) {
    sources[irq].handler = handler;
    sources[irq].arg = arg;
    write32(PRIORITY(irq), 1);
    write32(ENABLE(irq), read32(ENABLE(irq)) | 1u << (irq % 32));
}

void plic_irq(void) {
    for (uint32_t irq; (irq = read32(CLAIM)) != 0;) {
        if (irq < SOURCES && sources[irq].handler != NULL) sources[irq].handler(sources[irq].arg);
        write32(CLAIM, irq);
    }
}
