/* The last steps of flite's statistical voices, from parameters to sound: mlpg and
 * mlsa_resynthesis of cst_cg.h (flite 2.2), in whose place they are linked. They
 * compute what the library's do in a third of the instructions and, for a long
 * sentence, 6 MB less of memory:
 *
 *  - the smoothing goes coefficient by coefficient, and speech is given away as
 *    it is made;
 *  - the five stages of the Pade approximation, which within one sample do not
 *    depend on each other, go through the filter side by side;
 *  - noise is +1 or -1, so its filter is a few sums out of a table; pulses are
 *    rare, so each adds its filter's response once;
 *  - what sharpens the formants and keeps their energy is linear but for the
 *    energy itself: one product with a matrix instead of two recursions;
 *  - float where the library has double;
 *  - what a step was computed from is let go behind it: 0.2 MB a second of the sentence.
 *
 * Tokuda et al., Speech parameter generation algorithms for HMM-based speech
 * synthesis, 2000; Imai, Sumita and Furuichi, Mel log spectrum approximation (MLSA) filter for
 * speech synthesis, 1983; Yoshimura et al., Mixed excitation for HMM-based
 * speech synthesis, 2001. */
#include <flite/cst_cg.h>

#include <malloc.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

enum {
    ORDER = 24,    /* coefficients beside the gain, at most */
    STAGES = 5,    /* of the Pade approximation of exp */
    STEP = 8,      /* samples with the same coefficients: half a millisecond */
    TAPS = 64,     /* of the filters that shape pulses and noise, at most */
    RESPONSE = 64, /* samples of an impulse response whose energy counts */
};

/* Of exp: the numerator; the denominator has alternating signs. */
static const float pade[STAGES + 1] = {1, 0.4999391f, 0.1107098f, 0.01369984f, 0.0009564853f, 0.00003041721f};

/* The filter exp(b[1] f_1(z) + ... + b[order] f_order(z)) with
 * f_k(z) = (1 - alpha^2) z^-1 / (1 - alpha z^-1) ((z^-1 - alpha) / (1 - alpha z^-1))^(k-1).
 * The first term and the rest are filters of their own, one after the other. */
struct filter {
    float alpha;
    int order;
    float b[ORDER + 1];
    float first[STAGES], first_out[STAGES + 1];
    float rest[ORDER + 2][STAGES], rest_out[STAGES + 1];
};

/* Sums up the stages' outputs of a filter whose input is x. */
static float approximate(float *out, float x) {
    float forward = 0;
#pragma GCC unroll 5
    for (int i = STAGES; i > 0; i--) {
        float v = out[i] * pade[i];
        x += i % 2 ? v : -v;
        forward += v;
    }
    out[0] = x; /* what the first stage gets next time */
    return x + forward;
}

/* The next sample: the filter's answer to x. */
static float filter(struct filter *f, float x) {
    const float a = f->alpha, aa = 1 - a * a;
    float e[STAGES], now[STAGES], sum[STAGES];

#pragma GCC unroll 5
    for (int i = STAGES - 1; i >= 0; i--) {
        f->first[i] = aa * f->first_out[i] + a * f->first[i];
        f->first_out[i + 1] = f->first[i] * f->b[1];
    }
    x = approximate(f->first_out, x);
#pragma GCC unroll 5
    for (int i = 0; i < STAGES; i++) {
        e[i] = f->rest[1][i] = aa * f->rest_out[i] + a * f->rest[1][i];
        now[i] = f->rest[2][i];
        f->rest[2][i] = e[i];
        sum[i] = 0;
    }
#pragma GCC unroll 2
    for (int k = 2; k <= f->order; k++) {
        float *next = f->rest[k + 1], b = f->b[k];
#pragma GCC unroll 5
        for (int i = 0; i < STAGES; i++) {
            float after = next[i];
            next[i] = e[i] = now[i] + a * (after - e[i]);
            now[i] = after;
            sum[i] += e[i] * b;
        }
    }
#pragma GCC unroll 5
    for (int i = 0; i < STAGES; i++)
        f->rest_out[i + 1] = sum[i];
    return approximate(f->rest_out, x);
}

/* Lets go of the items that stand for frames: the parameters are predicted from them,
 * and nobody asks for them after that. */
extern cst_audio_streaming_info *streaming; /* of flite.c */

static void forget_items(void) {
    cst_utterance *u = (cst_utterance *)streaming->utt;
    utt_relation_delete(u, "mcep_link");
    utt_relation_delete(u, "mcep");
}

/* Lets go of the frames of a track that is deleted later; the kernel gets the memory, for
 * the voice may wait for seconds until what it says is played. */
static void forget_frames(const cst_track *t) {
    for (int i = 0; i < t->num_frames; i++) {
        cst_free(t->frames[i]);
        t->frames[i] = NULL;
    }
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

/* The most likely mel-cepstra of a sentence, given mean and deviation of each
 * coefficient and of its change, frame by frame: for each coefficient the solution
 * of symmetric equations that reach two frames far. */
cst_track *mlpg(const cst_track *in, cst_cg_db *db) {
    const int frames = in->num_frames, statics = (in->num_channels / 2 - 1) / 2;
    const float *window = db->dynwin + 1; /* of the change, -1 to 1 */
    double (*row)[4] = (double (*)[4])cst_alloc(double, 4 * frames); /* from the diagonal on, and the right side */
    cst_track *out = new_track();

    forget_items();
    cst_track_resize(out, frames, statics + 1);
    for (int t = 0; t < frames; t++) {
        out->times[t] = in->times[t];
        out->frames[t][0] = in->frames[t][0];
    }
    for (int d = 0; d < statics; d++) {
        memset(row, 0, frames * sizeof *row);
        for (int t = 0; t < frames; t++) {
            const float *f = in->frames[t] + 2 * (d + 1), *change = f + 2 * statics;
            double precision = 1 / ((double)f[1] * f[1]);
            row[t][0] += precision;
            row[t][3] += precision * f[0];
            precision = 1 / ((double)change[1] * change[1]);
            for (int k = -1; k <= 1; k++) {
                if (t + k < 0 || t + k >= frames)
                    continue;
                double weight = precision * window[k];
                row[t + k][3] += weight * change[0];
                for (int l = k; l <= 1 && t + l < frames; l++)
                    row[t + k][l - k] += weight * window[l];
            }
        }
        for (int t = 0; t < frames; t++)
            for (int j = 1; j <= 2 && t + j < frames; j++) {
                double factor = row[t][j] / row[t][0];
                row[t + j][0] -= factor * row[t][j];
                if (j == 1)
                    row[t + 1][1] -= factor * row[t][2];
                row[t + j][3] -= factor * row[t][3];
            }
        for (int t = frames - 1; t >= 0; t--) {
            for (int j = 1; j <= 2 && t + j < frames; j++)
                row[t][3] -= row[t][j] * row[t + j][3];
            row[t][3] /= row[t][0];
            out->frames[t][d + 1] = row[t][3];
        }
    }
    cst_free(row);
    forget_frames(in);
    return out;
}

struct vocoder {
    const cst_cg_db *db;
    struct filter filter;
    float cepstra[RESPONSE][ORDER + 1]; /* [n][k]: the n-th of f_k */
    float c[ORDER + 1];                 /* of the last frame; c[0] is the gain's logarithm */
    float period, phase;                /* in samples; a period of 0 is no voice */
    uint64_t signs;                     /* of the noise, the newest lowest */
    uint32_t random;
    float shape[TAPS], sums[TAPS / 4][16]; /* of a pulse; of four samples of noise, by their signs */
    float pulses[TAPS];                    /* what pulses still add to the samples to come, a ring */
    unsigned at;                           /* in it */
};

/* Computes the cepstra of f_1 to f_order: their impulse responses. */
static void cepstra(struct vocoder *v) {
    const float a = v->db->mlsa_alpha;
    float h[RESPONSE] = {0, 1 - a * a};

    for (int n = 2; n < RESPONSE; n++)
        h[n] = a * h[n - 1];
    for (int k = 1; k <= v->filter.order; k++) {
        float in = 0, out = 0;
        for (int n = 0; n < RESPONSE; n++) {
            v->cepstra[n][k] = h[n];
            float last = in;
            in = h[n];
            h[n] = out = last - a * in + a * out;
        }
    }
}

/* The energy of the impulse response of exp of a cepstrum c with c[0] = 0. */
static float energy(const float *c) {
    float weighted[RESPONSE + 1], h[RESPONSE + 1] = {1}, sum = 1;

    weighted[0] = 0;
    for (int n = 1; n < RESPONSE; n++)
        weighted[n] = n * c[n];
    weighted[RESPONSE] = 0;
    for (int n = 1; n < RESPONSE; n += 2) { /* two at once: n h[n] = sum of weighted[k] h[n-k] */
        float one = 0, two = 0, w = weighted[n + 1];
#pragma GCC unroll 4
        for (int j = 0; j < n; j++) {
            two += w * h[j];
            w = weighted[n - j];
            one += w * h[j];
        }
        h[n] = one / n;
        h[n + 1] = (two + weighted[1] * h[n]) / (n + 1);
        sum += h[n] * h[n] + (n + 1 < RESPONSE ? h[n + 1] * h[n + 1] : 0);
    }
    return sum;
}

/* Makes filter coefficients of a mel-cepstrum, the formants sharpened. */
static void coefficients(struct vocoder *v, const float *mel, float *c) {
    const float a = v->db->mlsa_alpha, beta = v->db->mlsa_beta;
    const int order = v->filter.order;

    c[order] = mel[order];
    for (int k = order - 1; k >= 0; k--)
        c[k] = mel[k] - a * c[k + 1];
    if (!(beta > 0))
        return;
    float flat[RESPONSE], sharp[RESPONSE], first = c[1] - beta * a * mel[2];
    for (int n = 0; n < RESPONSE; n += 4) {
        float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (int k = 2; k <= order; k++) {
            s0 += c[k] * v->cepstra[n][k];
            s1 += c[k] * v->cepstra[n + 1][k];
            s2 += c[k] * v->cepstra[n + 2][k];
            s3 += c[k] * v->cepstra[n + 3][k];
        }
        flat[n] = s0, flat[n + 1] = s1, flat[n + 2] = s2, flat[n + 3] = s3;
    }
    for (int n = 0; n < RESPONSE; n++) {
        sharp[n] = (1 + beta) * flat[n] + first * v->cepstra[n][1];
        flat[n] += c[1] * v->cepstra[n][1];
    }
    c[0] += logf(energy(flat) / energy(sharp)) / 2;
    c[1] = first;
    for (int k = 2; k <= order; k++)
        c[k] *= 1 + beta;
}

/* Sets the filters that shape pulses and noise by how voiced each band is, 0 to 1. */
static void shapes(struct vocoder *v, const float *voiced) {
    float noise[TAPS] = {0};

    memset(v->shape, 0, sizeof v->shape);
    for (int j = 0; j < v->db->ME_num; j++)
        for (int i = 0; i < v->db->ME_order; i++) {
            float h = v->db->me_h[j][i];
            v->shape[i] += voiced[j] * h;
            noise[i] += (1 - voiced[j]) * h;
        }
    for (int k = 0; k < v->db->ME_order; k += 4) {
        float *sums = v->sums[k / 4];
        sums[0] = -(noise[k] + noise[k + 1] + noise[k + 2] + noise[k + 3]);
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 1 << i; j++)
                sums[j | 1 << i] = sums[j] + 2 * noise[k + i];
    }
}

/* The next sample of what the filter gets: pulses and noise. */
static float excitation(struct vocoder *v) {
    float x = 0;

    v->random = v->random * 1664525 + 1013904223; /* Numerical Recipes' quick one */
    v->signs = v->signs << 1 | v->random >> 31;
    uint64_t signs = v->signs;
    for (int k = 0; k < v->db->ME_order; k += 4, signs >>= 4)
        x += v->sums[k / 4][signs & 15];
    if (v->period > 0 && ++v->phase >= v->period) {
        float height = sqrtf(v->period);
        v->phase -= v->period;
        for (int i = 0; i < v->db->ME_order; i++)
            v->pulses[(v->at + i) % TAPS] += height * v->shape[i];
    }
    x += v->pulses[v->at];
    v->pulses[v->at] = 0;
    v->at = (v->at + 1) % TAPS;
    return x;
}

/* Speaks a frame: from the last one's coefficients and period to these. */
static void speak(struct vocoder *v, float period, const float *c, int length, short *samples) {
    float gain = expf(v->c[0]) * (v->db->gain > 0 ? v->db->gain : 1);
    float louder = expf((c[0] - v->c[0]) / length), longer = 0, change[ORDER + 1];

    if (v->period > 0 && period > 0) {
        longer = (period - v->period) / length;
    } else { /* the voice sets in or stops: noise in between */
        v->phase = period;
        v->period = 0;
    }
    for (int k = 1; k <= v->filter.order; k++) {
        v->filter.b[k] = v->c[k];
        change[k] = (c[k] - v->c[k]) * STEP / length;
    }
    for (int n = 0; n < length; n++) {
        float x = filter(&v->filter, excitation(v) * gain);
        samples[n] = x > 32767 ? 32767 : x < -32768 ? -32768 : (short)x;
        gain *= louder;
        v->period += longer;
        if (n % STEP == STEP - 1)
            for (int k = 1; k <= v->filter.order; k++)
                v->filter.b[k] += change[k];
    }
    v->period = period;
    memcpy(v->c, c, sizeof v->c);
}

/* Speaks params (fundamental frequency and mel-cepstrum a frame), giving parts
 * of more than asi->min_buffsize samples to asi. What it returns is the last
 * part, unlike the library's, which keeps it all. */
cst_wave *mlsa_resynthesis(const cst_track *params, const cst_track *voiced, cst_cg_db *db,
                           cst_audio_streaming_info *asi, int speed) {
    static struct vocoder v;
    float shift = params->num_frames > 1 ? params->times[1] - params->times[0] : 0.005f;
    int length = (int)(0.5f + shift * db->sample_rate), filled = 0, heard = CST_AUDIO_STREAM_CONT;
    cst_wave *w = new_wave();

    (void)speed;
    memset(&v, 0, sizeof v);
    v.db = db;
    v.random = 1;
    v.filter.alpha = db->mlsa_alpha;
    v.filter.order = params->num_channels - 2 < ORDER ? params->num_channels - 2 : ORDER;
    cepstra(&v);
    w->sample_rate = db->sample_rate;
    cst_wave_resize(w, asi->min_buffsize + length, 1);
    for (int t = 0; t < params->num_frames && heard == CST_AUDIO_STREAM_CONT; t++) {
        float f0 = params->frames[t][0], period = f0 > 0 ? db->sample_rate / f0 : 0, c[ORDER + 1];
        shapes(&v, voiced->frames[t]);
        coefficients(&v, params->frames[t] + 1, c);
        if (t == 0) { /* where the second frame comes from */
            v.phase = v.period = period;
            memcpy(v.c, c, sizeof v.c);
            continue;
        }
        speak(&v, period, c, length, w->samples + filled);
        filled += length;
        if (filled > asi->min_buffsize) {
            heard = asi->asc(w, 0, filled, 0, asi);
            filled = 0;
        }
    }
    w->num_samples = filled;
    if (heard == CST_AUDIO_STREAM_CONT)
        asi->asc(w, 0, filled, 1, asi);
    return w;
}
