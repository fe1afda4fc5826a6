#include "crc32.h"

#define POLYNOMIAL 0xedb88320u

static uint32_t table[256];

void crc32_init(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++) c = (c >> 1) ^ ((0u - (c & 1u)) & POLYNOMIAL);
        table[i] = c;
    }
}

uint32_t crc32(uint32_t crc, const void *bytes, size_t n) {
    const uint8_t *p = bytes;
    uint32_t c = ~crc;
    while (n-- != 0) c = (c >> 8) ^ table[(c ^ *p++) & 0xffu];
    return ~c;
}
