/*
 * Cadence GEM (Zynq-7000 TRM UG585, chapter 16 and appendix B.18): rings of descriptors of two words.
 *
 *   receive:   address │ 1 wrap │ 0 the frame is ours ┊ status: length in bits 12..0
 *   transmit:  address ┊ control: 31 the frame was sent, 30 wrap, 15 last buffer, length in bits 13..0
 *
 * It adds the frame's checksum, and pads to 60 bytes. All frames are received, whatever their address.
 */
#include "../start/errno.h"
#include "../start/mmio.h"
#include "../start/plic.h"
#include "board.h"
#include "nic.h"
#include <string.h>

#define REG(at) (GEM_BASE + (at))
#define NWCTRL REG(0x000)
#define NWCFG REG(0x004)
#define DMACR REG(0x010)
#define RXQBASE REG(0x018)
#define TXQBASE REG(0x01c)
#define RXSTATUS REG(0x020)
#define ISR REG(0x024)
#define IER REG(0x028)
#define IDR REG(0x02c)
#define PHYMNTNC REG(0x034)
#define NWSR REG(0x008)
#define SPADDR1LO REG(0x088)
#define SPADDR1HI REG(0x08c)
#define RX_RESOURCE_ERRORS REG(0x1a0)
#define RX_OVERRUNS REG(0x1a4)

#define NWCTRL_RXEN 0x4u
#define NWCTRL_TXEN 0x8u
#define NWCTRL_MDEN 0x10u
#define NWCTRL_STARTTX 0x200u
#define NWCFG_SPEED100 0x1u
#define NWCFG_FULL_DUPLEX 0x2u
#define NWCFG_COPY_ALL 0x10u
#define NWCFG_1536 0x100u
#define NWCFG_1000 0x400u
#define NWCFG_MDC_DIV (5u << 18)
#define NWCFG_FCS_REMOVE 0x20000u
#define DMACR_RX_2048 (0x20u << 16)
#define DMACR_FULL_BUFFERS (3u << 8 | 1u << 10)
#define DMACR_BURST_16 0x10u
#define ISR_RX 0x2u
#define PHY_READ (0x6u << 28 | 0x2u << 16)
#define PHY_BMSR 1u
#define BMSR_LINK 0x4u
#define NWSR_MDIO_IDLE 0x4u
#define MDIO_SPINS 100000u

#define RX_OWNED 1u
#define RX_WRAP 2u
#define RX_LENGTH 0x1fffu
#define TX_USED 0x80000000u
#define TX_WRAP 0x40000000u
#define TX_LAST 0x8000u
#define PLACES 64u
#define BUF_BYTES 2048u
#define PHYS 32u

struct desc {
    uint32_t addr;
    uint32_t status;
};

static volatile struct desc rx_ring[PLACES] __attribute__((aligned(64)));
static volatile struct desc tx_ring[PLACES] __attribute__((aligned(64)));
static uint8_t rx_bufs[PLACES][BUF_BYTES] __attribute__((aligned(64)));
static uint8_t tx_bufs[PLACES][BUF_BYTES] __attribute__((aligned(64)));
static unsigned rx_next, tx_next;
static uint32_t phy;

/* The registers count since they were last read. */
static void count_missed(struct nic *nic) {
    nic->counters[LINK_PORT_COUNTER_RX_ERRORS] += read32(RX_RESOURCE_ERRORS) + read32(RX_OVERRUNS);
}

static unsigned rx_waiting(struct nic *nic) {
    unsigned n = 0;
    count_missed(nic);
    while (n < PLACES && (rx_ring[(rx_next + n) % PLACES].addr & RX_OWNED) != 0) n++;
    return n;
}

static void rx_done(struct nic *nic) {
    (void)nic;
    fence_io();
    rx_ring[rx_next].addr &= ~RX_OWNED;
    rx_next = (rx_next + 1) % PLACES;
    /* A controller that had met the end of a full ring looks again (QEMU's does at nothing else). */
    if ((rx_ring[rx_next].addr & RX_OWNED) == 0) write32(NWCTRL, NWCTRL_RXEN | NWCTRL_TXEN | NWCTRL_MDEN);
}

static const uint8_t *rx(struct nic *nic, size_t *len) {
    while ((rx_ring[rx_next].addr & RX_OWNED) != 0) {
        fence_io();
        size_t n = rx_ring[rx_next].status & RX_LENGTH;
        if (n != 0 && n <= NIC_FRAME_MAX) {
            *len = n;
            return rx_bufs[rx_next];
        }
        nic->counters[LINK_PORT_COUNTER_RX_ERRORS]++;
        rx_done(nic);
    }
    return NULL;
}

static int tx(struct nic *nic, const uint8_t *frame, size_t len) {
    if (!nic->up) return -ENETDOWN;
    if (len > NIC_FRAME_MAX) return -EMSGSIZE;
    if ((tx_ring[tx_next].status & TX_USED) == 0) return -EAGAIN;
    memcpy(tx_bufs[tx_next], frame, len);
    fence_io();
    tx_ring[tx_next].status = (uint32_t)len | TX_LAST | (tx_next == PLACES - 1 ? TX_WRAP : 0);
    fence_io();
    write32(NWCTRL, NWCTRL_RXEN | NWCTRL_TXEN | NWCTRL_MDEN | NWCTRL_STARTTX);
    tx_next = (tx_next + 1) % PLACES;
    return 0;
}

static uint32_t phy_read(uint32_t address, uint32_t reg) {
    write32(PHYMNTNC, PHY_READ | address << 23 | reg << 18);
    for (uint32_t i = 0; i < MDIO_SPINS && (read32(NWSR) & NWSR_MDIO_IDLE) == 0; i++) continue;
    return read32(PHYMNTNC) & 0xffffu;
}

/* The latched bit says "was down since it was last read": what counts is the second reading. */
static bool link_up(struct nic *nic) {
    (void)nic;
    if (phy == PHYS) return true;
    (void)phy_read(phy, PHY_BMSR);
    return (phy_read(phy, PHY_BMSR) & BMSR_LINK) != 0;
}

static void irq(void *arg) {
    (void)arg;
    write32(RXSTATUS, read32(RXSTATUS));
    write32(ISR, read32(ISR));
}

static const struct nic_ops ops = {
    .rx = rx,
    .rx_done = rx_done,
    .rx_waiting = rx_waiting,
    .rx_places = PLACES,
    .tx = tx,
    .link_up = link_up,
};

/* The first address at which somebody answers. */
static uint32_t find_phy(void) {
    uint32_t address = 0;
    for (; address < PHYS; address++) {
        uint32_t bmsr = phy_read(address, PHY_BMSR);
        if (bmsr != 0 && bmsr != 0xffffu) break;
    }
    return address;
}

static void read_mac(struct nic *nic) {
    uint32_t low = read32(SPADDR1LO);
    uint32_t high = read32(SPADDR1HI);
    static const uint8_t ours[6] = {0x52, 0x54, 0x00, 0x57, 0x57, 0x00};
    for (unsigned i = 0; i < 4; i++) nic->mac[i] = (uint8_t)(low >> 8 * i);
    for (unsigned i = 4; i < 6; i++) nic->mac[i] = (uint8_t)(high >> 8 * (i - 4));
    if (low == 0 && high == 0) memcpy(nic->mac, ours, sizeof ours);
}

unsigned nics_init(struct nic *nics, unsigned max) {
    if (max == 0) return 0;
    write32(NWCTRL, 0);
    write32(IDR, 0xffffffffu);
    for (unsigned i = 0; i < PLACES; i++) {
        uint32_t wrap = i == PLACES - 1;
        rx_ring[i] = (struct desc){(uint32_t)(uintptr_t)rx_bufs[i] | (wrap ? RX_WRAP : 0), 0};
        tx_ring[i] = (struct desc){(uint32_t)(uintptr_t)tx_bufs[i], TX_USED | (wrap ? TX_WRAP : 0)};
    }
    fence_io();
    write32(NWCFG, NWCFG_SPEED100 | NWCFG_1000 | NWCFG_FULL_DUPLEX | NWCFG_COPY_ALL | NWCFG_1536 | NWCFG_FCS_REMOVE |
                       NWCFG_MDC_DIV);
    write32(DMACR, DMACR_RX_2048 | DMACR_FULL_BUFFERS | DMACR_BURST_16);
    write32(RXQBASE, (uint32_t)(uintptr_t)rx_ring);
    write32(TXQBASE, (uint32_t)(uintptr_t)tx_ring);
    write32(NWCTRL, NWCTRL_MDEN);
    phy = find_phy();
    nics[0].ops = &ops;
    nics[0].speed_mbps = GEM_SPEED_MBPS;
    read_mac(&nics[0]);
    plic_enable(GEM_IRQ, irq, 0);
    write32(IER, ISR_RX);
    write32(NWCTRL, NWCTRL_RXEN | NWCTRL_TXEN | NWCTRL_MDEN);
    return 1;
}
