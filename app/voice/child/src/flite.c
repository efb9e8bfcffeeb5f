/* A voice of flite (Carnegie Mellon University), chosen at compile time with
 * -DVOICE=register_cmu_us_kal16. API: flite.h, cst_audio.h of flite 2.2. */
#include "child.h"

#include <flite/cst_cg.h>
#include <flite/cst_diphone.h>
#include <flite/flite.h>

cst_voice *VOICE(const char *voxdir);

/* flite's own ways to a sound card and to the network, which a voice on a pipe
 * has no use for: with these in their place the library's are not linked, and
 * with them ALSA and the resolver stay out of a static program. */
cst_audiodev *audio_open(int sps, int channels, cst_audiofmt fmt) {
    (void)sps, (void)channels, (void)fmt;
    return NULL;
}
int audio_close(cst_audiodev *ad) { return (void)ad, -1; }
int audio_write(cst_audiodev *ad, void *b, int n) { return (void)ad, (void)b, (void)n, -1; }
int audio_flush(cst_audiodev *ad) { return (void)ad, -1; }
int audio_drain(cst_audiodev *ad) { return (void)ad, -1; }
int play_wave(cst_wave *w) { return (void)w, -1; }
int cst_socket_open(const char *host, int port) { return (void)host, (void)port, -1; }
int cst_socket_close(int fd) { return (void)fd, -1; }

/* How flite gives speech away as it is made, and the utterance that it is of. */
cst_audio_streaming_info *streaming;

static cst_voice *voice;
/* The model of a statistical voice, and the same without its second model of
 * the pitch (SPAM), which knows no other pitch than its own. */
static const cst_cg_db *statistics;
static cst_cg_db shiftable;
static float own_stretch, own_f0, own_spread; /* seconds a second, Hz, Hz */

/* A statistical voice pauses for 50 to 100 ms at a comma, which is hardly heard; so
 * long again is added in the middle of such a pause. */
static const float LONGER = 0.13f; /* seconds, at the voice's own speed */
static int longer, position;       /* samples; of the utterance, said so far */

/* Where the next pause between two sounds has its middle, in samples; -1: there is none. */
static int pause_after(const cst_utterance *u, int from, int hz) {
    const cst_item *s = utt_rel_head(u, "Segment");
    for (float end = 0; s != NULL; s = item_next(s)) {
        float begin = end;
        end = item_feat_float(s, "end");
        int middle = (begin + end) / 2 * hz;
        if (middle >= from && item_prev(s) && item_next(s) && cst_streq(item_feat_string(s, "name"), "pau"))
            return middle;
    }
    return -1;
}

/* Says n samples, with a longer silence where a pause is. A cut at a change of sign does
 * not click. */
static void say(const short *samples, int n, const cst_utterance *u, int hz) {
    static int next; /* where silence is to be added, -1: nowhere */

    if (position == 0)
        next = pause_after(u, 0, hz);
    for (int i = 1; next >= 0 && i < n; i++)
        if (position + i >= next && (samples[i - 1] < 0) != (samples[i] < 0)) {
            child_pcm(samples, i);
            child_silence(longer);
            samples += i, position += i, n -= i, i = 0;
            next = pause_after(u, next + 1, hz);
        }
    child_pcm(samples, n);
    position += n;
}

/* flite calls this with each part of the wave as it is made. */
static int stream(const cst_wave *w, int start, int size, int last,
                  cst_audio_streaming_info *asi) {
    if (statistics != NULL)
        say(w->samples + start, size, asi->utt, w->sample_rate);
    else
        child_pcm(w->samples + start, size);
    if (last)
        position = 0;
    return CST_AUDIO_STREAM_CONT;
}

int engine_start(void) {
    flite_init();
    voice = VOICE(NULL);
    if (voice == NULL)
        return 0;
    own_stretch = flite_get_param_float(voice->features, "duration_stretch", 1);
    own_f0 = flite_get_param_float(voice->features, "int_f0_target_mean", 100);
    own_spread = flite_get_param_float(voice->features, "int_f0_target_stddev", 12);
    if (feat_present(voice->features, "cg_db")) { /* a statistical voice keeps them there */
        statistics = val_cg_db(feat_val(voice->features, "cg_db"));
        if (!statistics->mixed_excitation || statistics->dynwinsize != 3)
            return 0; /* vocoder.c knows no others */
        shiftable = *statistics;
        shiftable.spamf0 = 0;
        own_f0 = statistics->f0_mean;
        own_spread = statistics->f0_stddev;
    }
    if (feat_present(voice->features, "diphone_db") && val_diphone_db(feat_val(voice->features, "diphone_db"))->sts->num_channels > 16)
        return 0; /* lpc.c knows no longer predictor */

    streaming = new_audio_streaming_info();
    streaming->asc = stream;
    streaming->min_buffsize = 1024;
    flite_feat_set(voice->features, "streaming_info", audio_streaming_info_val(streaming));
    return flite_get_param_int(voice->features, "sample_rate", 16000);
}

int engine_say(const char *text, const struct params *p) {
    position = 0;
    longer = LONGER / p->rate * flite_get_param_int(voice->features, "sample_rate", 16000);
    flite_feat_set_float(voice->features, "duration_stretch", own_stretch / p->rate);
    flite_feat_set_float(voice->features, "int_f0_target_mean", own_f0 * p->pitch);
    flite_feat_set_float(voice->features, "int_f0_target_stddev", own_spread * p->pitch);
    if (statistics != NULL)
        flite_feat_set(voice->features, "cg_db", cg_db_val(p->pitch == 1 ? (cst_cg_db *)statistics : &shiftable));
    return flite_text_to_speech(text, voice, "stream") < 0 ? -1 : 0;
}
