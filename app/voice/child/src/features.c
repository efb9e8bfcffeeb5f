/* flite's lookup of features, in whose place it is linked (API: cst_item.h of
 * flite 2.2): the way to another item of the utterance and what to look at
 * there, as in "n.R:Word.parent.name". A statistical voice asks 3,000 times for
 * a second of speech; the library copies each path to take it apart and then
 * compares the feature's name with those of some 70 functions. Here a path is
 * read where it stands, and what a name means is remembered. */
#include <flite/flite.h>

#include <string.h>

CST_VAL_REGISTER_FUNCPTR(ffunc, cst_ffunction)
DEF_STATIC_CONST_VAL_STRING(nothing, "0");

enum { NAME = 32 }; /* longer ones are looked up every time */

/* What names mean, by a sum over their letters. */
static struct meaning {
    const cst_features *among;
    char name[NAME];
    const cst_val *function; /* NULL: it is no function's */
} meanings[256];

static const cst_val *function(const cst_features *among, const char *name) {
    unsigned sum = 0, n = 0;
    for (; name[n]; n++)
        sum = 5 * sum + (unsigned char)name[n];
    if (n >= NAME)
        return feat_val(among, name);
    struct meaning *m = &meanings[sum % (sizeof meanings / sizeof *meanings)];
    if (m->among != among || strcmp(m->name, name) != 0) {
        m->among = among;
        memcpy(m->name, name, n + 1);
        m->function = feat_val(among, name);
    }
    return m->function;
}

void ff_register(cst_features *among, const char *name, cst_ffunction f) {
    memset(meanings, 0, sizeof meanings);
    feat_set(among, name, ffunc_val(f));
}

void ff_unregister(cst_features *among, const char *name) {
    memset(meanings, 0, sizeof meanings);
    feat_remove(among, name);
}

/* The length of a path's first step. */
static size_t step(const char *path) {
    size_t n = 0;
    while (path[n] && path[n] != ':' && path[n] != '.')
        n++;
    return n;
}

/* Goes one step, of length n at *path. */
static cst_item *go(const cst_item *i, const char **path, size_t n) {
    const char *p = *path;
    char relation[NAME];
#define IS(name) (n == sizeof name - 1 && memcmp(p, name, n) == 0)
    *path += n + (p[n] != 0);
    if (IS("n"))
        return item_next(i);
    if (IS("p"))
        return item_prev(i);
    if (IS("nn"))
        return item_next(item_next(i));
    if (IS("pp"))
        return item_prev(item_prev(i));
    if (IS("R")) { /* the same in another relation */
        p = *path;
        n = step(p);
        *path += n + (p[n] != 0);
        if (n >= NAME)
            return NULL;
        memcpy(relation, p, n);
        relation[n] = 0;
        return item_as(i, relation);
    }
    if (IS("parent"))
        return item_parent(i);
    if (IS("daughter") || IS("daughter1"))
        return item_daughter(i);
    if (IS("daughtern"))
        return item_last_daughter(i);
    if (IS("first"))
        return item_first(i);
    if (IS("last"))
        return item_last(i);
#undef IS
    return NULL;
}

cst_item *path_to_item(const cst_item *item, const char *path) {
    while (item != NULL && *path)
        item = go(item, &path, step(path));
    return (cst_item *)item;
}

const cst_val *ffeature(const cst_item *item, const char *path) {
    size_t n;
    while (item != NULL && (n = step(path), path[n]))
        item = go(item, &path, n);
    if (item == NULL)
        return (const cst_val *)&nothing;
    const cst_utterance *u = item_utt(item);
    const cst_val *f = u == NULL ? NULL : function(u->ffunctions, path);
    const cst_val *v = f == NULL ? item_feat(item, path) : val_ffunc(f)(item);
    return v == NULL ? (const cst_val *)&nothing : v;
}

const char *ffeature_string(const cst_item *item, const char *path) { return val_string(ffeature(item, path)); }
int ffeature_int(const cst_item *item, const char *path) { return val_int(ffeature(item, path)); }
float ffeature_float(const cst_item *item, const char *path) { return val_float(ffeature(item, path)); }
