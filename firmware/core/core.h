/*
 * The core on the board: wasm2c's module, its memory, and what stands between it and the firmware. Everything here is
 * for the main loop; a trap of the core's code ends the call and stops the core, and is told over the line.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "core_abi.h"

extern uint8_t wasm_memory[WASM_MEMORY_BYTES];

enum link_core_run core_run(void);
/* wasm2c's number of the trap that stopped it. */
uint32_t core_trap(void);

/* An empty core by the host's sizes (memory_bytes 0: all that there is). 0, or a negative errno. */
int32_t core_init(const struct init_config *config);
/* Takes over what was put into the memory of an initialised core. */
int32_t core_attach(void);
/* What it was made by. */
const struct init_config *core_config(void);
/* Address of the status block. */
uint32_t core_status(void);
/* Each -ENODEV without a core that runs, -EFAULT when it trapped over it. */
int32_t core_request(uint64_t now, uint32_t bytes);
int32_t core_rx(uint32_t handle, uint32_t queue, uint32_t count);
int32_t core_poll(uint64_t now, uint32_t budget);
/* The module itself and its memory, for the tests that work on them; their place is that of a core, -EBUSY if one runs.
 * `fresh`: as it was loaded, without what calls before have left in it. */
struct Z_core_instance_t;
struct Z_env_instance_t;
int32_t core_lend(int32_t (*call)(struct Z_core_instance_t *, struct Z_env_instance_t *), bool fresh);
void core_stop(void);
/* For tests: a trap inside of its code. */
int32_t core_crash(void);

static inline uint32_t core_word(uint32_t at) {
    uint32_t value;
    memcpy(&value, wasm_memory + at, sizeof value);
    return value;
}
static inline void core_set(uint32_t at, uint32_t value) {
    memcpy(wasm_memory + at, &value, sizeof value);
}
static inline bool core_in_memory(uint32_t at, uint32_t n) {
    return at <= WASM_MEMORY_BYTES && n <= WASM_MEMORY_BYTES - at;
}
#define CORE_STATUS(field) core_word(core_status() + (uint32_t)offsetof(struct status, field))
