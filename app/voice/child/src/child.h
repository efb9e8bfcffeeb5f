/* What every voice program shares: the protocol over its pipes, described in
 * package voice (app/voice/protocol.go). A program gives engine_*; main, the
 * pipes and the loop are in child.c. */
#ifndef CHILD_H
#define CHILD_H

struct params { /* each relative to the voice's own, 1 = as it is */
    double rate, pitch, volume;
};

/* Loads the voice. Returns its sample rate in Hz, or 0 when it cannot speak. */
int engine_start(void);

/* Speaks text, giving samples to child_pcm as they are made. Returns 0, or -1
 * when the engine failed on this text. */
int engine_say(const char *text, const struct params *p);

/* Sends n mono samples. */
void child_pcm(const short *samples, int n);

/* Sends n samples of silence; none if n is negative. */
void child_silence(int n);

#endif
