#include "cobs.h"

void cobs_begin(struct cobs_writer *w, uint8_t *out) {
    w->out = out;
    out[0] = 0;
    w->code = 1;
    w->at = 2;
}

/* Ends the block: its code is how far it went. */
static void close_block(struct cobs_writer *w) {
    w->out[w->code] = (uint8_t)(w->at - w->code);
    w->code = w->at++;
}

void cobs_put(struct cobs_writer *w, const void *bytes, size_t n) {
    const uint8_t *p = bytes;
    for (; n != 0; n--, p++) {
        /* A full block stands for no zero, and closes only before a byte that comes after it. */
        if (w->at - w->code == 255) close_block(w);
        if (*p == 0) close_block(w);
        else w->out[w->at++] = *p;
    }
}

size_t cobs_end(struct cobs_writer *w) {
    close_block(w);
    w->out[w->code] = 0;
    return w->at;
}

void cobs_reader_init(struct cobs_reader *r, uint8_t *out, size_t max) {
    *r = (struct cobs_reader){.out = out, .max = max};
}

static void put(struct cobs_reader *r, uint8_t byte) {
    if (r->len == r->max) r->bad = true;
    else r->out[r->len++] = byte;
}

static enum cobs_event delimiter(struct cobs_reader *r) {
    if (!r->open) return COBS_MORE;
    r->open = false;
    return r->bad || r->left != 0 ? COBS_BAD : COBS_FRAME;
}

enum cobs_event cobs_read(struct cobs_reader *r, uint8_t byte) {
    if (byte == 0) return delimiter(r);
    if (!r->open) {
        r->open = true;
        r->len = 0;
        r->wire = 0;
        r->left = 0;
        r->bad = false;
        r->code = 255; /* nothing was left out before the first block */
    }
    r->wire++;
    if (r->left != 0) {
        put(r, byte);
        r->left--;
        return COBS_MORE;
    }
    if (r->code != 255) put(r, 0);
    r->code = byte;
    r->left = (uint8_t)(byte - 1);
    return COBS_MORE;
}
