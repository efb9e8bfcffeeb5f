/* The frames that every child program sends on stdout: a kind of 4 bytes, the
 * payload's length (uint32, little-endian) and the payload. */
#ifndef FRAMES_H
#define FRAMES_H

#include <stddef.h>

void put32(unsigned char *b, unsigned long v);
unsigned long get32(const unsigned char *b);

/* Sends one frame at once. Ends the program when nobody reads any more. */
void frame(const char *kind, const void *payload, size_t n);

/* Sends the frame that ends a reply: the processor time that it took. */
void frame_end(unsigned long long ns);

/* Sends the frame that ends a reply with the reason why there is none. */
void fail(const char *why);

/* The processor time of this program so far, in nanoseconds. */
unsigned long long cpu_ns(void);

#endif
