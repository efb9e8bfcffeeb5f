/* flite's way from a diphone voice's residual to sound, in whose place it is
 * linked (API: cst_sigpr.h of flite 2.2): a linear predictor, whose last
 * outputs, weighted, and the residual make the next. The library keeps the last
 * outputs in a ring and looks for its ends at every product; here they lie in a
 * row, and the samples are the same to the bit. Two thirds of what kal16 took
 * were spent there. */
#include <flite/cst_sigpr.h>
#include <flite/flite.h>

#include <string.h>

enum { ORDER = 16, ROW = 256 };

/* The predictor's fixed point: coefficients are in 1/16384. */
enum { ONE = 16384 };

static int linear[256]; /* of mu-law bytes, ITU-T G.711 */

/* Makes n samples of one frame. In row are the ORDER outputs before; there, too,
 * the last ones are left. */
static void predict(const int c[ORDER], int row[ORDER + ROW], const unsigned char *residual, short *to, int n) {
    while (n > 0) {
        int k = n < ROW ? n : ROW;
        for (int i = 0; i < k; i++) {
            const int *past = row + ORDER + i;
            unsigned sum = (unsigned)linear[residual[i]] * ONE; /* may overflow, as the library's does */
#pragma GCC unroll 16
            for (int j = 0; j < ORDER; j++)
                sum += (unsigned)c[j] * (unsigned)past[-1 - j];
            row[ORDER + i] = (int)sum / ONE;
            to[i] = (short)row[ORDER + i];
        }
        memmove(row, row + k, ORDER * sizeof *row);
        residual += k;
        to += k;
        n -= k;
    }
}

cst_wave *lpc_resynth_fixedpoint(cst_lpcres *l) {
    int row[ORDER + ROW] = {0};
    int least = l->lpc_min * 32768.0, range = l->lpc_range * 2048.0;
    int order = l->num_channels; /* at most ORDER: engine_start has looked */
    int made = 0, handed = 0, go_on = CST_AUDIO_STREAM_CONT;

    if (linear[0] == 0)
        for (int i = 0; i < 256; i++)
            linear[i] = cst_ulaw_to_short(i);
    cst_wave *w = new_wave();
    cst_wave_resize(w, l->num_samples, 1);
    w->sample_rate = l->sample_rate;
    for (int i = 0; i < l->num_frames && go_on == CST_AUDIO_STREAM_CONT; i++) {
        int c[ORDER] = {0}, n = l->sizes[i];
        for (int k = 0; k < order; k++)
            c[k] = (l->frames[i][k] / 2 * range / 2048 + least) / 2;
        if (l->delayed_decoding)
            add_residual_g721vuv(n, l->residual + made, n, l->packed_residuals[i]);
        predict(c, row, l->residual + made, w->samples + made, n);
        made += n;
        if (l->asi && made - handed > l->asi->min_buffsize) {
            go_on = l->asi->asc(w, handed, made - handed, 0, l->asi);
            handed = made;
        }
    }
    if (l->asi && go_on == CST_AUDIO_STREAM_CONT)
        l->asi->asc(w, handed, made - handed, 1, l->asi);
    w->num_samples = made;
    if (go_on != CST_AUDIO_STREAM_STOP)
        return w;
    delete_wave(w);
    return NULL;
}

/* Nobody asks for it, but its caller is linked: the same in floating point. */
cst_wave *lpc_resynth(cst_lpcres *l) { return lpc_resynth_fixedpoint(l); }
