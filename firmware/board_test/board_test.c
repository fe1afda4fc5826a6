/*
 * The module of tests beside the core's (both through wasm2c): every call goes to its run(), with instructions and time
 * counted. What is measured (BOARD_TEST_OP_STEP) runs without interrupts, so that the count is the same every time.
 */
#include "board_test.h"
#include "board_test_abi.h"
#include "board_test_wasm.h"
#include "../core/core.h"
#include "../start/clock.h"
#include "../start/csr.h"
#include "../start/errno.h"
#include "../start/fw.h"

_Static_assert(BOARD_TEST_END <= WASM_MEMORY_BYTES, "the tests lie in the core's memory");

static Z_board_test_instance_t module;
static struct link_test_run asked;
static struct link_test_result counted;

/* Others go on where one of these has begun. */
static bool begins(void) {
    return asked.op == BOARD_TEST_OP_BLOCK || asked.op == BOARD_TEST_OP_VECTOR || asked.op == BOARD_TEST_OP_BENCH;
}

static int32_t call(struct Z_core_instance_t *core, struct Z_env_instance_t *env) {
    if (begins()) {
        Z_board_test_init_module();
        Z_board_test_instantiate(&module, core, env);
    }
    bool still = asked.op == BOARD_TEST_OP_STEP;
    if (still) irq_disable();
    uint64_t time = clock_ns(), instructions = csr_instructions();
    int32_t status = (int32_t)Z_board_testZ_run(&module, asked.op, asked.a, asked.b, asked.c);
    counted.instructions = csr_instructions() - instructions;
    counted.time = clock_ns() - time;
    return status;
}

int32_t board_test_run(const uint8_t *data, size_t len, uint8_t *result, size_t max, size_t *result_len) {
    if (len != sizeof asked) return -EINVAL;
    memcpy(&asked, data, sizeof asked);
    int32_t status = core_lend(call, begins());
    /* A trap leaves in the middle. */
    irq_enable();
    if (max < sizeof counted) return -EMSGSIZE;
    memcpy(result, &counted, sizeof counted);
    *result_len = sizeof counted;
    return status;
}

int32_t board_test_vector(uint32_t n, uint8_t *result, size_t max, size_t *result_len) {
    asked = (struct link_test_run){.op = BOARD_TEST_OP_VECTOR, .a = n};
    int32_t status = core_lend(call, begins());
    irq_enable();
    if (status < 0) return status;
    const uint8_t *name = wasm_memory + BOARD_TEST_RESULT;
    size_t i = 0;
    for (; i < max && i < BOARD_TEST_NAME_MAX && name[i] != 0; i++) result[i] = name[i];
    *result_len = i;
    return status;
}
