/* What gcc calls by itself in a freestanding program. Words where both ends allow it. */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

typedef uintptr_t __attribute__((may_alias)) word_t;
#define WORD sizeof(word_t)

void *memcpy(void *restrict to, const void *restrict from, size_t n) {
    uint8_t *d = to;
    const uint8_t *s = from;
    if ((((uintptr_t)d ^ (uintptr_t)s) & (WORD - 1)) == 0) {
        for (; n != 0 && ((uintptr_t)d & (WORD - 1)) != 0; n--) *d++ = *s++;
        for (; n >= WORD; n -= WORD, d += WORD, s += WORD) *(word_t *)d = *(const word_t *)s;
    }
    while (n-- != 0) *d++ = *s++;
    return to;
}

void *memmove(void *to, const void *from, size_t n) {
    uint8_t *d = to;
    const uint8_t *s = from;
    if (d <= s || d >= s + n) return d == s ? to : memcpy(to, from, n);
    while (n-- != 0) d[n] = s[n];
    return to;
}

void *memset(void *to, int byte, size_t n) {
    uint8_t *d = to;
    word_t fill = (uint8_t)byte * (~(word_t)0 / 255);
    for (; n != 0 && ((uintptr_t)d & (WORD - 1)) != 0; n--) *d++ = (uint8_t)byte;
    for (; n >= WORD; n -= WORD, d += WORD) *(word_t *)d = fill;
    while (n-- != 0) *d++ = (uint8_t)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t n) {
    const uint8_t *p = a;
    const uint8_t *q = b;
    for (; n != 0; n--, p++, q++)
        if (*p != *q) return *p < *q ? -1 : 1;
    return 0;
}
