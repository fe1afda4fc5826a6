/* The firmware's one link, its ports, and the mode that works them. */
#pragma once
#include "../drivers/nic.h"
#include "../link/link.h"
#include "board.h"

extern struct link fw_link;
extern struct nic fw_nics[BOARD_NICS];
extern unsigned fw_nic_count;
/* A device had an interrupt since the main loop began its round. */
extern volatile bool fw_woken;

/* What the ports' frames are for. */
struct fw_mode {
    /* The mode begins, or ends for another one. */
    int (*begin)(void);
    void (*end)(void);
    /* A frame for `port` came over the line. */
    void (*frame)(uint8_t port, const uint8_t *frame, size_t len);
    /* True when there is more to do at once. */
    bool (*poll)(uint64_t now);
};
extern const struct fw_mode port_mode;
extern const struct fw_mode reflect_mode;
extern const struct fw_mode core_mode;

/* Changes to a LinkMode. 0, -EINVAL for one that this image does not have. */
int fw_set_mode(uint32_t mode);
/* CALLs (link_events.call). */
int32_t fw_call(struct link *link, uint16_t op, const uint8_t *data, size_t len, uint8_t *result, size_t max,
                size_t *result_len);
