/* CALLs of the host (LinkOp): what is asked about the board, and what it is told to do. */
#include "../core/core_mode.h"
#include "../core/core.h"
#include "../board_test/board_test.h"
#include "errno.h"
#include "fw.h"
#include "reboot.h"
#include "selftest.h"
#include "trap.h"
#include <string.h>

static uint32_t word(const uint8_t *data, size_t len) {
    uint32_t value = 0;
    if (len >= sizeof value) memcpy(&value, data, sizeof value);
    return value;
}

static size_t counters(uint8_t *result) {
    size_t n = sizeof fw_link.counters;
    memcpy(result, fw_link.counters, n);
    for (unsigned i = 0; i < fw_nic_count; i++, n += sizeof fw_nics[0].counters)
        memcpy(result + n, fw_nics[i].counters, sizeof fw_nics[i].counters);
    return n;
}

/* For tests: what must never happen, on purpose. */
static int32_t crash(uint32_t how) {
    static const volatile uintptr_t nowhere = 0x40;
    switch (how) {
    case LINK_CRASH_ILLEGAL:
        __asm__ volatile(".word 0");
        return 0;
    case LINK_CRASH_LOAD:
        return (int32_t)read32(nowhere);
    case LINK_CRASH_HANG:
        for (;;) __asm__ volatile("");
    case LINK_CRASH_CORE:
        return core_crash();
    default:
        return -EINVAL;
    }
}

int32_t fw_call(struct link *link, uint16_t op, const uint8_t *data, size_t len, uint8_t *result, size_t max,
                size_t *result_len) {
    (void)link;
    switch (op) {
    case LINK_OP_ECHO:
        if (len > max) return -EMSGSIZE;
        memcpy(result, data, len);
        *result_len = len;
        return 0;
    case LINK_OP_COUNTERS:
        *result_len = counters(result);
        return 0;
    case LINK_OP_RESET:
        reboot(LINK_BOOT_REASON_ASKED);
    case LINK_OP_MODE:
        return len < 4 ? -EINVAL : fw_set_mode(word(data, len));
    case LINK_OP_SELFTEST:
        return len < 4 ? -EINVAL : selftest(word(data, len), result, max, result_len);
    case LINK_OP_CRASH:
        return len < 4 ? -EINVAL : crash(word(data, len));
    case LINK_OP_TEST_RUN:
        return board_test_run(data, len, result, max, result_len);
    default:
        return core_call(op, data, len, result, max, result_len);
    }
}
