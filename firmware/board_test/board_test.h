/* assembly/board_test on the board: oracle, vectors and benchmarks of the core, on the core's memory while none runs. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* LINK_OP_TEST_RUN. */
int32_t board_test_run(const uint8_t *data, size_t len, uint8_t *result, size_t max, size_t *result_len);
/* Vector `n` from 0, as selftest() does. */
int32_t board_test_vector(uint32_t n, uint8_t *result, size_t max, size_t *result_len);
