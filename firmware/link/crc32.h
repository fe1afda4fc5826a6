/* CRC-32 of IEEE 802.3 (reflected 0xedb88320), a table of 256 words made at the start. */
#pragma once
#include <stddef.h>
#include <stdint.h>

void crc32_init(void);
/* CRC of `n` bytes behind those that gave `crc`; 0 to begin with. */
uint32_t crc32(uint32_t crc, const void *bytes, size_t n);
