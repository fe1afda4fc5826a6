/* Calls of the host to the core on the board (LinkOp CORE_*): STATUS of the answer. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The host wants it to stand still. */
bool core_frozen(void);
void core_thaw(void);
int32_t core_call(uint16_t op, const uint8_t *data, size_t len, uint8_t *result, size_t max, size_t *result_len);
