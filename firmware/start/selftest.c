#include "selftest.h"
#include "../board_test/board_test.h"
#include "../link/cobs.h"
#include "../link/crc32.h"
#include "clock.h"
#include "errno.h"
#include "csr.h"
#include <stdbool.h>
#include <string.h>

/* The check value of CRC-32/ISO-HDLC. */
static bool crc_check_value(void) {
    return crc32(0, "123456789", 9) == 0xcbf43926u;
}

/* Runs of 253, 254 and 255 bytes and zeros at every border come back as they were. */
static bool cobs_round_trip(void) {
    static uint8_t frame[600], wire[COBS_WIRE_MAX(sizeof frame)], back[sizeof frame];
    for (size_t run = 252; run <= 256; run++) {
        struct cobs_writer w;
        struct cobs_reader r;
        enum cobs_event event = COBS_MORE;
        for (size_t i = 0; i < sizeof frame; i++) frame[i] = i % (run + 1) == run ? 0 : (uint8_t)(i | 1);
        cobs_begin(&w, wire);
        cobs_put(&w, frame, sizeof frame);
        size_t n = cobs_end(&w);
        cobs_reader_init(&r, back, sizeof back);
        for (size_t i = 0; i < n; i++) event = cobs_read(&r, wire[i]);
        if (event != COBS_FRAME || r.len != sizeof frame || memcmp(frame, back, sizeof frame) != 0) return false;
    }
    return true;
}

/* Every alignment of both ends, and the bytes beside them untouched. */
static bool memory_functions(void) {
    static uint8_t from[64], to[64];
    for (size_t i = 0; i < sizeof from; i++) from[i] = (uint8_t)(i * 7 + 1);
    for (size_t a = 0; a < 8; a++) {
        for (size_t b = 0; b < 8; b++) {
            memset(to, 0xee, sizeof to);
            memcpy(to + a, from + b, 40);
            if (memcmp(to + a, from + b, 40) != 0 || to[a + 40] != 0xee || (a != 0 && to[a - 1] != 0xee)) return false;
            memmove(to + 3, to + a, 40);
            if (memcmp(to + 3, from + b, 40) != 0) return false;
        }
    }
    return true;
}

static bool clock_goes_on(void) {
    uint64_t before = clock_ns();
    for (uint32_t i = 0; i < 10000000 && clock_ns() - before < 1000; i++) continue;
    uint64_t passed = clock_ns() - before;
    return passed >= 1000 && passed < 1000000000;
}

static bool interrupts_are_on(void) {
    return (csr_read(mstatus) & MSTATUS_MIE) != 0 && (csr_read(mie) & (MIE_MTIE | MIE_MEIE)) == (MIE_MTIE | MIE_MEIE);
}

static const struct {
    const char *name;
    bool (*run)(void);
} tests[] = {
    {"crc32 check value", crc_check_value},
    {"cobs round trip", cobs_round_trip},
    {"memory functions", memory_functions},
    {"clock goes on", clock_goes_on},
    {"interrupts are on", interrupts_are_on},
};

int32_t selftest(uint32_t n, uint8_t *result, size_t max, size_t *result_len) {
    if (n >= sizeof tests / sizeof tests[0])
        return board_test_vector(n - sizeof tests / sizeof tests[0], result, max, result_len);
    size_t len = 0;
    for (const char *name = tests[n].name; name[len] != '\0' && len < max; len++) result[len] = (uint8_t)name[len];
    *result_len = len;
    return tests[n].run() ? 1 : 0;
}
