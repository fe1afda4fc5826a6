#include "core.h"
#include "core_mode.h"
#include "core_ports.h"
#include "../start/clock.h"
#include "../start/errno.h"
#include "../start/fw.h"

#define USED_PAGE 4096u

extern const uint8_t fw_core_hash[8];

/* Of the core that is there: the number of the last request that was handled, and how it was answered. */
static uint32_t last_request;
static int32_t last_error;
static uint8_t tag[32];
static bool frozen;

bool core_frozen(void) {
    return frozen;
}
void core_thaw(void) {
    frozen = false;
}

static uint32_t word(const uint8_t *data) {
    uint32_t value;
    memcpy(&value, data, sizeof value);
    return value;
}

static int32_t init(const uint8_t *data, size_t len) {
    struct init_config config;
    if (len != sizeof config) return -EINVAL;
    memcpy(&config, data, sizeof config);
    core_ports_clear();
    memset(tag, 0, sizeof tag);
    last_request = 0;
    last_error = 0;
    frozen = false;
    return core_init(&config);
}

static int32_t request(const uint8_t *data, size_t len, uint8_t *result, size_t max, size_t *result_len) {
    struct link_core_request head;
    if (len < sizeof head) return -EINVAL;
    memcpy(&head, data, sizeof head);
    if (core_run() != LINK_CORE_RUN_RUNNING) return -ENODEV;
    uint32_t area = CORE_STATUS(request_area), bytes = head.bytes;
    size_t inlined = len - sizeof head;
    if (head.number == 0 || bytes > CORE_STATUS(request_bytes)) return -EINVAL;
    if (head.number != last_request) {
        if (head.filled > bytes || inlined > head.filled) return -EINVAL;
        memcpy(wasm_memory + area + head.filled - inlined, data + sizeof head, inlined);
        memset(wasm_memory + area + head.filled, 0, bytes - head.filled);
        last_request = head.number;
        int32_t handled = core_request(clock_ns(), bytes);
        last_error = handled < 0 ? handled : 0;
    }
    if (last_error != 0) return last_error;
    while (bytes != 0 && wasm_memory[area + bytes - 1] == 0) bytes--;
    *result_len = bytes < max ? bytes : max;
    memcpy(result, wasm_memory + area, *result_len);
    return (int32_t)bytes;
}

static int32_t state(uint8_t *result, size_t *result_len) {
    struct link_core_state s = {
        .run = core_run(),
        .layout_version = LAYOUT_VERSION,
        .memory_bytes = WASM_MEMORY_BYTES,
        .status = core_status(),
        .request = last_request,
        .trap = core_trap(),
    };
    memcpy(s.build, fw_core_hash, sizeof s.build);
    memcpy(s.tag, tag, sizeof s.tag);
    memcpy(s.init, core_config(), sizeof s.init);
    memcpy(result, &s, sizeof s);
    *result_len = sizeof s;
    return 0;
}

static bool is_zero(uint32_t at) {
    for (uint32_t i = 0; i < USED_PAGE; i += 4)
        if (core_word(at + i) != 0) return false;
    return true;
}

/* Not the table of ops and the scratch behind it: they belong to the build. */
static bool is_state(uint32_t at) {
    uint32_t ops = ROOT_BASE + ROOT_STATE_BYTES;
    return at < ops || at - ops >= ROOT_OPS_BYTES + ROOT_SCRATCH_BYTES;
}

static int32_t used(uint32_t from, uint8_t *result, size_t max, size_t *result_len) {
    if (core_status() == 0) return -ENODEV;
    uint32_t end = CORE_STATUS(memory_end), extents[2] = {0, 0};
    int32_t n = 0;
    if (from < ROOT_BASE) from = ROOT_BASE;
    for (uint32_t at = from & ~(USED_PAGE - 1); at < end && (size_t)(n + 1) * sizeof extents <= max; at += USED_PAGE) {
        if (!is_state(at) || is_zero(at)) continue;
        if (n != 0 && extents[0] + extents[1] == at) extents[1] += USED_PAGE;
        else {
            n++;
            extents[0] = at;
            extents[1] = USED_PAGE;
        }
        memcpy(result + (size_t)(n - 1) * sizeof extents, extents, sizeof extents);
    }
    *result_len = (size_t)n * sizeof extents;
    return n;
}

static int32_t peek(const uint8_t *data, uint8_t *result, size_t max, size_t *result_len) {
    uint32_t at = word(data), n = word(data + 4);
    if (!core_in_memory(at, n) || n > max) return -EINVAL;
    memcpy(result, wasm_memory + at, n);
    *result_len = n;
    return 0;
}

static int32_t poke(const uint8_t *data, size_t len) {
    uint32_t at = word(data);
    if (len > 0xffff || !core_in_memory(at, (uint32_t)len - 4)) return -EINVAL;
    memcpy(wasm_memory + at, data + 4, len - 4);
    return 0;
}

int32_t core_call(uint16_t op, const uint8_t *data, size_t len, uint8_t *result, size_t max, size_t *result_len) {
    switch (op) {
    case LINK_OP_CORE_INIT:
        return init(data, len);
    case LINK_OP_CORE_PEEK:
        return len < 8 ? -EINVAL : peek(data, result, max, result_len);
    case LINK_OP_CORE_POKE:
        return len < 4 ? -EINVAL : poke(data, len);
    case LINK_OP_CORE_REQUEST:
        return request(data, len, result, max, result_len);
    case LINK_OP_CORE_PORT:
        return len < 8 ? -EINVAL : core_port_bind(word(data), word(data + 4));
    case LINK_OP_CORE_STATE:
        return state(result, result_len);
    case LINK_OP_CORE_TAG:
        if (len != sizeof tag) return -EINVAL;
        memcpy(tag, data, sizeof tag);
        return 0;
    case LINK_OP_CORE_FREEZE:
        if (len < 4) return -EINVAL;
        frozen = word(data) != 0;
        return 0;
    case LINK_OP_CORE_USED:
        return len < 4 ? -EINVAL : used(word(data), result, max, result_len);
    case LINK_OP_CORE_ATTACH:
        return core_attach();
    default:
        return -ENOSYS;
    }
}
