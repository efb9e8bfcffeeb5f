/* Recognises utterances with pocketsphinx (Carnegie Mellon University):
 *
 *     recogniser MODEL DICTIONARY FILLERS GRAMMAR
 *
 * MODEL is the folder of an acoustic model for 16 kHz, the others are files.
 * The protocol over stdin and stdout is described in package hearing
 * (app/hearing/protocol.go). Each utterance is decoded twice: into the grammar's
 * words, and into any phones at all, so that the listener can tell how much
 * worse the words fit than the best that could be. API: pocketsphinx.h of
 * 0.8+5prealpha. */
#include "confine.h"
#include "frames.h"

#include <pocketsphinx/pocketsphinx.h>
#include <sphinxbase/err.h>
#include <stdio.h>

enum { MAX_SAMPLES = 12 * 16000 };

/* The linear algebra of the library's speaker adaptation, which is not used:
 * with these in their place LAPACK stays out of a static program. */
void sposv_(void) {}
void spotrf_(void) {}
void ssymm_(void) {}

static ps_decoder_t *decoder;

/* Decodes with one of the searches and sends its segments, each as a line
 * "NAME FIRST LAST SCORE": frames of 10 ms and the acoustic score. */
static int decode(const char *search, const char *kind, const int16 *pcm, size_t n) {
    if (ps_set_search(decoder, search) < 0 || ps_start_utt(decoder) < 0)
        return -1;
    int done = ps_process_raw(decoder, pcm, n, FALSE, TRUE);
    if (ps_end_utt(decoder) < 0 || done < 0)
        return -1;
    for (ps_seg_t *s = ps_seg_iter(decoder); s != NULL; s = ps_seg_next(s)) {
        int first, last, score, lm, back;
        char line[128];
        ps_seg_frames(s, &first, &last);
        if (first < 0 || last < first)
            continue; /* a transition of the grammar without a word */
        ps_seg_prob(s, &score, &lm, &back);
        int k = snprintf(line, sizeof line, "%.64s %d %d %d", ps_seg_word(s), first, last, score);
        frame(kind, line, k);
    }
    return 0;
}

int main(int argc, char **argv) {
    static unsigned char bytes[2 * MAX_SAMPLES];
    static int16 pcm[MAX_SAMPLES];
    unsigned char head[8];
    unsigned long long begun = 0; /* loading counts for the first utterance */

    if (argc != 5) {
        fail("usage: recogniser MODEL DICTIONARY FILLERS GRAMMAR");
        return 2;
    }
    err_set_logfp(NULL);
    cmd_ln_t *config = cmd_ln_init(NULL, ps_args(), TRUE,
                                   "-hmm", argv[1], "-dict", argv[2], "-fdict", argv[3],
                                   /* all senones in both searches: only then are scores comparable */
                                   "-compallsen", "yes", "-bestpath", "no",
                                   /* wide: whether to believe the words is not the search's matter */
                                   "-beam", "1e-70", "-pbeam", "1e-70", "-wbeam", "1e-50",
                                   /* a long sentence is as likely as a short one */
                                   "-lw", "2",
                                   /* or frames would not be those of the samples */
                                   "-remove_silence", "no",
                                   "-allphone_ci", "yes", NULL);
    if (config == NULL || (decoder = ps_init(config)) == NULL) {
        fail("the acoustic model or the dictionary does not load");
        return 1;
    }
    if (ps_set_jsgf_file(decoder, "words", argv[4]) < 0 || ps_set_allphone_file(decoder, "phones", NULL) < 0) {
        fail("the grammar does not load");
        return 1;
    }
    const char *held = confine();
    if (held != NULL) {
        fail(held);
        return 1;
    }
    while (fread(head, 1, sizeof head, stdin) == sizeof head) {
        unsigned long n = get32(head + 4);
        if (memcmp(head, "PCM ", 4) != 0 || n > sizeof bytes || n % 2 != 0) {
            fail("not a request");
            return 1;
        }
        if (fread(bytes, 1, n, stdin) != n)
            return 1;
        for (size_t i = 0; i < n / 2; i++)
            pcm[i] = (int16)(bytes[2 * i] | bytes[2 * i + 1] << 8);
        if (decode("words", "WORD", pcm, n / 2) != 0 || decode("phones", "PHON", pcm, n / 2) != 0)
            fail("the recogniser cannot decode this utterance");
        else
            frame_end(cpu_ns() - begun);
        begun = cpu_ns();
    }
    ps_free(decoder);
    return 0;
}
