#include "core.h"
#include "core_wasm.h"
#include "../start/errno.h"
#include "../start/fw.h"
#include "../start/reboot.h"

struct Z_env_instance_t {
    wasm_rt_memory_t memory;
};

/* Cleared by core_init as far as the core has it: clearing all of it at every start would take its time. */
uint8_t wasm_memory[WASM_MEMORY_BYTES] __attribute__((section(".noinit"), aligned(64)));

static struct Z_env_instance_t env = {
    {wasm_memory, WASM_MEMORY_BYTES / 65536, WASM_MEMORY_BYTES / 65536, WASM_MEMORY_BYTES}};
static Z_core_instance_t core;
static enum link_core_run run;
static struct init_config made_by;
static uint32_t status_block, trapped_by;
/* Where a trap goes: the frame of the call into the core's code. */
static void *escape[5];

wasm_rt_memory_t *Z_envZ_memory(struct Z_env_instance_t *instance) {
    return &instance->memory;
}

__attribute__((noinline)) void wasm_rt_trap(wasm_rt_trap_t why) {
    uintptr_t here = (uintptr_t)__builtin_return_address(0);
    struct link_trap trap = {
        .kind = LINK_TRAP_KIND_CORE, .boot_id = reboot_boot_id(), .cause = why, .pc = here, .ra = here};
    trapped_by = why;
    link_trap(&fw_link, &trap);
    wasm_rt_call_stack_depth = 0;
    __builtin_longjmp(escape, 1);
}

/* `call` in the core's code; false when it trapped: what it had under way is half done, so the core stops there. */
#define GUARDED(call) (__builtin_setjmp(escape) == 0 ? ((void)(call), true) : (run = LINK_CORE_RUN_TRAPPED, false))

enum link_core_run core_run(void) {
    return run;
}
uint32_t core_trap(void) {
    return trapped_by;
}
const struct init_config *core_config(void) {
    return &made_by;
}
uint32_t core_status(void) {
    return status_block;
}
void core_stop(void) {
    run = LINK_CORE_RUN_NONE;
    status_block = 0;
}

static volatile int32_t answer;

static int32_t instantiate(const struct init_config *config) {
    Z_core_init_module();
    Z_core_instantiate(&core, &env);
    memcpy(wasm_memory + ROOT_BASE, config, sizeof *config);
    return (int32_t)Z_coreZ_init(&core, ROOT_BASE);
}

int32_t core_init(const struct init_config *wanted) {
    struct init_config config = *wanted;
    if (config.memory_bytes == 0) config.memory_bytes = WASM_MEMORY_BYTES;
    if (config.memory_bytes > WASM_MEMORY_BYTES) return -ENOMEM;
    core_stop();
    trapped_by = 0;
    memset(wasm_memory, 0, config.memory_bytes);
    if (!GUARDED(answer = instantiate(&config))) return -EFAULT;
    if (answer != 0) return answer;
    if (!GUARDED(status_block = Z_coreZ_status(&core))) return -EFAULT;
    made_by = config;
    run = LINK_CORE_RUN_RUNNING;
    return 0;
}

int32_t core_lend(int32_t (*call)(struct Z_core_instance_t *, struct Z_env_instance_t *), bool fresh) {
    if (run == LINK_CORE_RUN_RUNNING) return -EBUSY;
    core_stop();
    if (fresh) {
        Z_core_init_module();
        Z_core_instantiate(&core, &env);
    }
    return GUARDED(answer = call(&core, &env)) ? answer : -EFAULT;
}

int32_t core_attach(void) {
    if (run != LINK_CORE_RUN_RUNNING) return -ENODEV;
    return GUARDED(answer = (int32_t)Z_coreZ_attach(&core)) ? answer : -EFAULT;
}

int32_t core_request(uint64_t now, uint32_t bytes) {
    if (run != LINK_CORE_RUN_RUNNING) return -ENODEV;
    return GUARDED(answer = (int32_t)Z_coreZ_request(&core, (uint32_t)now, (uint32_t)(now >> 32), bytes)) ? answer
                                                                                                       : -EFAULT;
}

int32_t core_rx(uint32_t handle, uint32_t queue, uint32_t count) {
    if (run != LINK_CORE_RUN_RUNNING) return -ENODEV;
    return GUARDED(answer = (int32_t)Z_coreZ_rx(&core, handle, queue, count)) ? answer : -EFAULT;
}

int32_t core_poll(uint64_t now, uint32_t budget) {
    if (run != LINK_CORE_RUN_RUNNING) return -ENODEV;
    return GUARDED(answer = (int32_t)Z_coreZ_poll(&core, (uint32_t)now, (uint32_t)(now >> 32), budget)) ? answer
                                                                                                      : -EFAULT;
}

int32_t core_crash(void) {
    if (run != LINK_CORE_RUN_RUNNING) return -ENODEV;
    return GUARDED(wasm_rt_trap(WASM_RT_TRAP_UNREACHABLE)) ? 0 : -EFAULT;
}
