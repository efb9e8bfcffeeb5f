/* The pipe protocol of a voice program: requests on stdin, frames on stdout.
 * It ends at the end of stdin. */
#include "child.h"
#include "confine.h"
#include "frames.h"

#include <stdio.h>
#include <string.h>

enum { MAX_TEXT = 1 << 16, CHUNK = 2048 };

static struct params current;

static void child_rate(int hz) {
    unsigned char b[4];
    put32(b, hz);
    frame("RATE", b, sizeof b);
}

void child_pcm(const short *samples, int n) {
    unsigned char b[2 * CHUNK];
    while (n > 0) {
        int k = n < CHUNK ? n : CHUNK;
        if (current.volume == 1) { /* the usual case */
            for (int i = 0; i < k; i++) {
                b[2 * i] = samples[i];
                b[2 * i + 1] = samples[i] >> 8;
            }
        } else {
            for (int i = 0; i < k; i++) {
                double s = samples[i] * current.volume;
                int v = s > 32767 ? 32767 : s < -32768 ? -32768 : (int)s;
                b[2 * i] = v;
                b[2 * i + 1] = v >> 8;
            }
        }
        frame("PCM ", b, 2 * k);
        samples += k;
        n -= k;
    }
}

void child_silence(int n) {
    static const short silence[CHUNK];
    for (; n > 0; n -= CHUNK)
        child_pcm(silence, n < CHUNK ? n : CHUNK);
}

int main(void) {
    static char text[MAX_TEXT + 1];
    unsigned char head[20];
    unsigned long long begun = 0; /* loading counts for the first sentence */
    int hz = engine_start();

    if (hz == 0) {
        fail("the voice does not load");
        return 1;
    }
    const char *held = confine();
    if (held != NULL) {
        fail(held);
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
            frame_end(cpu_ns() - begun);
        }
        begun = cpu_ns();
    }
    return 0;
}
