/* espeak-ng, English. Its data is taken from the folder espeak-ng-data beside
 * the program, else from where the system keeps it. API: speak_lib.h of 1.52. */
#define _GNU_SOURCE
#include "child.h"

#include <espeak-ng/speak_lib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* espeak-ng's own way to a sound card (pcaudiolib), which a voice on a pipe
 * never opens: with these in its place ALSA and PulseAudio stay out. */
void *create_audio_device_object(void) { return NULL; }
int audio_object_open(void) { return -1; }
int audio_object_write(void) { return -1; }
int audio_object_drain(void) { return -1; }
int audio_object_flush(void) { return -1; }
void audio_object_close(void) {}
void audio_object_destroy(void) {}
const char *audio_object_strerror(void) { return "no sound card here"; }

/* espeak-ng ends a sentence at a question mark, though "Why?" she asked is one,
 * and pauses for long there: a pause is cut to what it makes at a comma. */
static int hz, longest, silent; /* samples a second; samples */

/* Behind the last word it makes no pause at all, so that the next sentence would follow
 * like its next word: as much is added as a voice of flite leaves there and before a
 * sentence. */
static const double BEHIND = 0.3; /* seconds, at the voice's own speed */

static int stream(short *samples, int n, espeak_EVENT *events) {
    int kept = 0;
    (void)events;
    if (samples == NULL)
        return 0;
    for (int i = 0; i < n; i++) {
        silent = samples[i] == 0 ? silent + 1 : 0;
        if (silent <= longest)
            samples[kept++] = samples[i];
    }
    child_pcm(samples, kept);
    return 0;
}

/* The folder of the program, if the data is there; NULL: the system's. */
static const char *data_folder(void) {
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 64);
    if (n <= 0)
        return NULL;
    path[n] = 0;
    char *slash = strrchr(path, '/');
    strcpy(slash, "/espeak-ng-data/phontab");
    if (access(path, R_OK) != 0)
        return NULL;
    *slash = 0;
    return path;
}

int engine_start(void) {
    hz = espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 100, data_folder(), espeakINITIALIZE_DONT_EXIT);
    if (hz <= 0 || espeak_SetVoiceByName("en") != EE_OK)
        return 0;
    espeak_SetSynthCallback(stream);
    longest = hz * 3 / 10;
    return hz;
}

/* The work is five times that of the default voice; the story still goes before.
 * The storyteller sets 10 when it starts a voice. */
enum { NICENESS = 16 };

int engine_say(const char *text, const struct params *p) {
    setpriority(PRIO_PROCESS, 0, NICENESS);
    espeak_SetParameter(espeakRATE, 160 * p->rate, 0);
    espeak_SetParameter(espeakPITCH, fmin(99, fmax(0, 50 + 50 * log2(p->pitch))), 0); /* 50 steps an octave */
    silent = 0;
    if (espeak_Synth(text, strlen(text) + 1, 0, POS_CHARACTER, 0, espeakCHARS_UTF8, NULL, NULL) != EE_OK)
        return -1;
    child_silence(BEHIND / p->rate * hz - (silent < longest ? silent : longest));
    return 0;
}
