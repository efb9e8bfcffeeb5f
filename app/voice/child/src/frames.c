/* Frames on stdout, for every child program. */
#include "frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void put32(unsigned char *b, unsigned long v) {
    for (int i = 0; i < 4; i++)
        b[i] = v >> (8 * i);
}

unsigned long get32(const unsigned char *b) {
    return b[0] | b[1] << 8 | b[2] << 16 | (unsigned long)b[3] << 24;
}

static void put(const void *b, size_t n) {
    if (fwrite(b, 1, n, stdout) != n)
        exit(1); /* nobody listens any more */
}

void frame(const char *kind, const void *payload, size_t n) {
    unsigned char head[8];
    memcpy(head, kind, 4);
    put32(head + 4, n);
    put(head, sizeof head);
    put(payload, n);
    fflush(stdout);
}

void frame_end(unsigned long long ns) {
    unsigned char b[8];
    put32(b, ns);
    put32(b + 4, ns >> 32);
    frame("END ", b, sizeof b);
}

void fail(const char *why) { frame("ERR ", why, strlen(why)); }

unsigned long long cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}
