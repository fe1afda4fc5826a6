/*
 * An Ethernet port. The driver owns its rings; a received frame is looked at in place and then given back, a frame to
 * send is copied.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../link/link_abi.h"

/* Ethernet header, two tags, MTU 1500. */
#define NIC_MTU 1500u
#define NIC_FRAME_MAX (14u + 8u + NIC_MTU)

struct nic;
struct nic_ops {
    /* The oldest received frame, or null; stays until rx_done. */
    const uint8_t *(*rx)(struct nic *nic, size_t *len);
    void (*rx_done)(struct nic *nic);
    /* Received frames that wait, and the ring's places. */
    unsigned (*rx_waiting)(struct nic *nic);
    unsigned rx_places;
    /* 0, -EAGAIN when the ring is full, -ENETDOWN, -EMSGSIZE. */
    int (*tx)(struct nic *nic, const uint8_t *frame, size_t len);
    /* Reads the link's state. */
    bool (*link_up)(struct nic *nic);
};

struct nic {
    const struct nic_ops *ops;
    void *driver;
    uint8_t mac[6];
    uint32_t speed_mbps;
    bool up;
    uint64_t counters[LINK_PORT_COUNTER_MAX];
};

/* Finds the board's ports, up to `max`; returns how many. In the board's driver. */
unsigned nics_init(struct nic *nics, unsigned max);
