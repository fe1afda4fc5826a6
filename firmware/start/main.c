/*
 * The firmware: bring up, then go round. Interrupts only fill rings; all work is here.
 *
 *   UART rx ring ─► link_rx ─► events ─┐
 *   mode->poll (ports, core) ◄─────────┘        link_tick: heartbeats, silence
 */
#include "../drivers/uart.h"
#include "clock.h"
#include "csr.h"
#include "errno.h"
#include "fw.h"
#include "plic.h"
#include "reboot.h"
#include "trap.h"
#include <string.h>

#define PORTS_EVERY 1000000000ull
#define LINKS_EVERY 50000000ull

void fw_main(void);

struct link fw_link;
struct nic fw_nics[BOARD_NICS];
unsigned fw_nic_count;
volatile bool fw_woken;

static const struct fw_mode *mode = &port_mode;
static uint64_t ports_told, links_read;

/* First 8 bytes of the SHA-256 of all that the image is made of; put there by the build. */
extern const uint8_t fw_build_hash[8];

static void tell_port(unsigned i) {
    struct nic *nic = &fw_nics[i];
    struct link_port port = {
        .port = (uint8_t)i, .up = nic->up ? 1 : 0, .mtu = NIC_MTU, .speed_mbps = nic->speed_mbps};
    memcpy(port.mac, nic->mac, sizeof port.mac);
    link_port(&fw_link, &port);
}

static void read_links(uint64_t now) {
    bool all = now - ports_told >= PORTS_EVERY;
    if (now - links_read < LINKS_EVERY && !all) return;
    links_read = now;
    if (all) ports_told = now;
    for (unsigned i = 0; i < fw_nic_count; i++) {
        bool up = fw_nics[i].ops->link_up(&fw_nics[i]);
        bool changed = up != fw_nics[i].up;
        fw_nics[i].up = up;
        if (all || changed) tell_port(i);
    }
}

static void on_session(struct link *link, bool begun) {
    (void)link;
    if (begun)
        for (unsigned i = 0; i < fw_nic_count; i++) tell_port(i);
}

static void on_frame(struct link *link, uint8_t port, const uint8_t *frame, size_t len, uint32_t lost) {
    (void)link;
    if (port < fw_nic_count) fw_nics[port].counters[LINK_PORT_COUNTER_TX_LOST] += lost;
    else if (port - LINK_LINE_PORT >= LINK_LINE_PORTS) return;
    mode->frame(port, frame, len);
}

static void on_lost(struct link *link, uint32_t n) {
    (void)link;
    if (fw_nic_count > 0) fw_nics[0].counters[LINK_PORT_COUNTER_TX_LOST] += n;
}

int fw_set_mode(uint32_t wanted) {
    static const struct fw_mode *const modes[] = {
        [LINK_MODE_PORT] = &port_mode,
        [LINK_MODE_REFLECT] = &reflect_mode,
        [LINK_MODE_CORE] = &core_mode,
    };
    if (wanted >= sizeof modes / sizeof modes[0] || modes[wanted] == NULL) return -EINVAL;
    if (modes[wanted] == mode) return 0;
    mode->end();
    mode = modes[wanted];
    fw_link.id.mode = (uint8_t)wanted;
    return mode->begin();
}

static const struct link_line line = {.room = uart_room, .write = uart_write};
static const struct link_events events = {
    .session = on_session, .frame = on_frame, .lost = on_lost, .call = fw_call};

static void bring_up(void) {
    reboot_note_start();
    plic_init();
    uart_init();
    fw_nic_count = nics_init(fw_nics, BOARD_NICS);
    for (unsigned i = 0; i < fw_nic_count; i++) fw_nics[i].up = fw_nics[i].ops->link_up(&fw_nics[i]);
    struct link_identity id = {
        .name = BOARD_NAME,
        .boot_id = reboot_boot_id(),
        .starts = reboot_starts(),
        .reason = reboot_reason(),
        .caps = LINK_CAP_CORE | LINK_CAP_PORT | LINK_CAP_REFLECT | LINK_CAP_SELFTEST,
        .ports = (uint8_t)fw_nic_count,
        .mode = LINK_MODE_PORT,
        .window = LINK_WINDOW,
    };
    memcpy(id.build, fw_build_hash, sizeof id.build);
    link_init(&fw_link, &id, &line, &events);
    clock_start();
    irq_enable();
    link_boot(&fw_link);
}

/* One time round; true when there is more to do at once. */
static bool fw_poll(void) {
    uint8_t bytes[256];
    uint64_t now = clock_ns();
    watchdog_feed();
    size_t n = uart_read(bytes, sizeof bytes);
    link_rx(&fw_link, bytes, n, now);
    fw_link.counters[LINK_COUNTER_OVERRUNS] = uart_overruns();
    bool more = mode->poll(now);
    read_links(now);
    link_tick(&fw_link, now);
    return more || n == sizeof bytes;
}

void fw_main(void) {
    bring_up();
    for (;;) {
        fw_woken = false;
        while (fw_poll()) continue;
        /* An interrupt that comes from here on is held back, and keeps wfi from sleeping. */
        irq_disable();
        if (!fw_woken) __asm__ volatile("wfi");
        irq_enable();
    }
}
