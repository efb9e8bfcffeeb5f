/* The pipe protocol of a voice program: requests on stdin, frames on stdout.
 * It ends at the end of stdin. */
#include "child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_TEXT = 1 << 16, CHUNK = 2048 };

static struct params current;

static void put32(unsigned char *b, unsigned long v) {
    for (int i = 0; i < 4; i++)
        b[i] = v >> (8 * i);
}

static unsigned long get32(const unsigned char *b) {
    return b[0] | b[1] << 8 | b[2] << 16 | (unsigned long)b[3] << 24;
}

static void put(const void *b, size_t n) {
    if (fwrite(b, 1, n, stdout) != n)
        exit(1); /* nobody listens any more */
}

static void frame(const char *kind, const void *payload, size_t n) {
    unsigned char head[8];
    memcpy(head, kind, 4);
    put32(head + 4, n);
    put(head, sizeof head);
    put(payload, n);
    fflush(stdout);
}

static void fail(const char *why) { frame("ERR ", why, strlen(why)); }

static void child_rate(int hz) {
    unsigned char b[4];
    put32(b, hz);
    frame("RATE", b, sizeof b);
}

void child_pcm(const short *samples, int n) {
    unsigned char b[2 * CHUNK];
    while (n > 0) {
        int k = n < CHUNK ? n : CHUNK;
        for (int i = 0; i < k; i++) {
            double s = samples[i] * current.volume;
            int v = s > 32767 ? 32767 : s < -32768 ? -32768 : (int)s;
            b[2 * i] = v;
            b[2 * i + 1] = v >> 8;
        }
        frame("PCM ", b, 2 * k);
        samples += k;
        n -= k;
    }
}

static unsigned long long cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

int main(void) {
    static char text[MAX_TEXT + 1];
    unsigned char head[20], end[8];
    unsigned long long begun = 0; /* loading counts for the first sentence */
    int hz = engine_start();

    if (hz == 0) {
        fail("the voice does not load");
        return 1;
    }
    while (fread(head, 1, sizeof head, stdin) == sizeof head) {
        unsigned long n = get32(head + 16);
        if (memcmp(head, "SAY1", 4) != 0 || n > MAX_TEXT) {
            fail("not a request");
            return 1;
        }
        if (fread(text, 1, n, stdin) != n)
            return 1;
        text[n] = 0;
        current.rate = get32(head + 4) / 1000.0;
        current.pitch = get32(head + 8) / 1000.0;
        current.volume = get32(head + 12) / 1000.0;
        child_rate(hz);
        if (engine_say(text, &current) != 0) {
            fail("the voice cannot read this sentence");
        } else {
            unsigned long long now = cpu_ns();
            put32(end, now - begun);
            put32(end + 4, (now - begun) >> 32);
            frame("END ", end, sizeof end);
        }
        begun = cpu_ns();
    }
    return 0;
}
