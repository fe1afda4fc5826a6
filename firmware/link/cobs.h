/*
 * Consistent Overhead Byte Stuffing (Cheshire and Baker, 1999): a frame without a zero byte, so that zero delimits.
 *
 *   code n < 255: n - 1 bytes follow, then a zero was left out     code 255: 254 bytes follow, no zero left out
 *   11 22 00 33  ─►  03 11 22 02 33
 *
 * A reader meets a delimiter in any state and begins afresh: whatever the line did before it is one bad frame at most.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes on the line at most for `n` bytes of a frame, both delimiters included. */
#define COBS_WIRE_MAX(n) ((n) + (n) / 254 + 3)

struct cobs_writer {
    uint8_t *out;
    size_t at;
    size_t code;
};

void cobs_begin(struct cobs_writer *w, uint8_t *out);
void cobs_put(struct cobs_writer *w, const void *bytes, size_t n);
/* Bytes written, both delimiters included. */
size_t cobs_end(struct cobs_writer *w);

enum cobs_event { COBS_MORE, COBS_FRAME, COBS_BAD };

struct cobs_reader {
    uint8_t *out;
    size_t max;
    /* Of the frame that is being read: decoded bytes, and those that it took on the line without delimiters. */
    size_t len;
    size_t wire;
    uint8_t code;
    uint8_t left;
    bool open;
    bool bad;
};

void cobs_reader_init(struct cobs_reader *r, uint8_t *out, size_t max);
/* After COBS_FRAME `len` and `wire` are the frame's until the next byte. */
enum cobs_event cobs_read(struct cobs_reader *r, uint8_t byte);
