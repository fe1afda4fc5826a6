/* The runtime of wasm2c's output on a board: one table of functions in a static array, types by number. */
#include "wasm-rt.h"

#define TABLE_MAX 2048
#define TYPES_MAX 64
#define TYPE_WORDS 32

uint32_t wasm_rt_call_stack_depth;

static wasm_rt_funcref_t table[TABLE_MAX];
static uint8_t types[TYPES_MAX][TYPE_WORDS];
static uint32_t type_count;

bool wasm_rt_is_initialized(void) {
    return true;
}

/* Types are equal by their words: the same number for the same list. */
uint32_t wasm_rt_register_func_type(uint32_t params, uint32_t results, ...) {
    uint8_t words[TYPE_WORDS] = {(uint8_t)params, (uint8_t)results};
    __builtin_va_list args;
    __builtin_va_start(args, results);
    if (params + results + 2 > TYPE_WORDS) wasm_rt_trap(WASM_RT_TRAP_UNREACHABLE);
    for (uint32_t i = 0; i < params + results; i++) words[2 + i] = (uint8_t)__builtin_va_arg(args, int);
    __builtin_va_end(args);
    for (uint32_t i = 0; i < type_count; i++)
        if (memcmp(types[i], words, sizeof words) == 0) return i + 1;
    if (type_count == TYPES_MAX) wasm_rt_trap(WASM_RT_TRAP_UNREACHABLE);
    memcpy(types[type_count++], words, sizeof words);
    return type_count;
}

void wasm_rt_allocate_funcref_table(wasm_rt_funcref_table_t *t, uint32_t elements, uint32_t max_elements) {
    (void)max_elements;
    if (elements > TABLE_MAX) wasm_rt_trap(WASM_RT_TRAP_OOB);
    t->data = table;
    t->size = t->max_size = elements;
}

void wasm_rt_free_funcref_table(wasm_rt_funcref_table_t *t) {
    t->size = 0;
}
