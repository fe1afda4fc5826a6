/* Tests that run on the board. Test `n` from 0: its name goes to `result`; 1 when it passed, 0 when not,
 * -ENOENT behind the last. The firmware's own come first, then those of the core (board_test), -EBUSY while it runs. */
#pragma once
#include <stddef.h>
#include <stdint.h>

int32_t selftest(uint32_t n, uint8_t *result, size_t max, size_t *result_len);
