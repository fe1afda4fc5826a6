/*
 * The core's port devices and what their frames go through: an Ethernet port of the board, or a port of the line, whose
 * frames a driver of the host moves.
 *
 *   nic rx ring ─copy─► RxDesc ─► core ─► TxDesc ─gather─► nic tx ring          a line port: FRAME, both ways
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Nobody has a port. */
void core_ports_clear(void);
/* `port` is a nic, LINK_LINE_PORT and up, or LINK_PORT_NONE. 0, -ENODEV, -EINVAL. */
int32_t core_port_bind(uint32_t handle, uint32_t port);
/* A burst from every port; true when one may have more. */
bool core_ports_rx(void);
/* What the core has for the ports, as far as they take it; true when something was sent. */
bool core_ports_tx(void);
/* A frame of the host for a line port. */
void core_ports_line(uint8_t port, const uint8_t *frame, size_t len);
