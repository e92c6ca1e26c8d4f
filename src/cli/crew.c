/* SPDX-License-Identifier: Apache-2.0 */
#include "crew.h"

#include "filter.h"
#include "json.h"
#include "memo.h"
#include "print.h"
#include "roots.h"
#include "signals.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CREW_DEFAULT = 8, /* at most, unless more are asked for */
    JOBS_EACH = 4,    /* under way, for each thread */
    OUTLINE_ROOM = 1024,
    JOB_LEAVES = 1 << 14, /* entries of the tables of a job, at most */
    JOBS_ALONE = 3,       /* so many jobs are no reason to start threads */
    BATCH = 256,
    AHEAD = 8,        /* tables: whose first lines are fetched */
    AHEAD_BYTES = 512 /* of such a table */
};

/* The outline gets its reads in slices: see traversal.c. */
static const uint64_t SLICE = (uint64_t)1 << 26;

enum job_kind {
    JOB_ITEMS,
    JOB_BAD,  /* the root is none */
    JOB_LIMIT /* a limit on reads was reached */
};

struct job {
    enum job_kind kind;
    uint32_t root;
    enum ptw_status why; /* JOB_BAD */
    bool begins;         /* it is the first of its root's, */
    bool ends;           /* or the last */
    struct ptw_item *outline;
    size_t items;
    uint64_t outline_reads; /* up to its end, from the start of the root */

    /* What was done: the first and the last item, which may go on in other
     * jobs, are not printed. */
    bool done;
    uint64_t told; /* items, those two included */
    struct ptw_item head;
    struct ptw_item tail; /* if there is more than one */
    uint64_t parts;       /* of those that are printed, and the rest likewise */
    uint64_t leaves;
    uint64_t bad_entries;
    struct unread unread;
    uint64_t reads; /* of all */
    struct text text;
    void *sum;
};

struct crew {
    struct traversal *t;
    const struct telling *telling;
    struct job *job; /* a ring */
    size_t jobs;
    size_t first; /* numbers of jobs: that is taken next, */
    size_t next;  /* that is done next, */
    size_t end;   /* and that is made next */
    bool quit;
    pthread_mutex_t lock;
    pthread_cond_t made;
    pthread_cond_t done;
    pthread_t thread[JOBS_MOST];
    unsigned wanted;
    unsigned started;

    /* The outline. */
    uint32_t root;
    bool walking;
    struct ptw_walk walk;
    size_t tables; /* of a job, from now on: few at first */
    size_t tables_most;

    /* What was taken. */
    uint64_t reads; /* in the tables of jobs, of this root */
    uint64_t told;  /* parts of items of this root */
    bool carries;   /* the item that comes next, and may go on */
    struct ptw_item carry;
    void *sum;
};

static unsigned crew_size(const struct traversal *t)
{
    cpu_set_t set; /* too small for some machines */
    long n;

    /* A limit that is reached soon is found by one thread in one go.  One that
     * looks for some leaves knows where there are none. */
    if (t->im->cache != NULL || t->reads_left < SLICE || filter_selects(t->o)) {
        return 1;
    }
    if (t->o->jobs != 0) {
        return (unsigned)t->o->jobs;
    }
    n = sched_getaffinity(0, sizeof set, &set) == 0
            ? CPU_COUNT(&set)
            : sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n < CREW_DEFAULT ? (unsigned)n : CREW_DEFAULT;
}

/* -------------------------------------------------------------------- a job */

/* Items of a job that were found and are not printed, the last of which may go
 * on. */
struct found {
    struct crew *c;
    struct job *j;
    const struct ptw_regime *regime; /* of the items that come next */
    struct ptw_item item[BATCH];
    size_t items;
};

static void print_found(struct found *f, size_t from, size_t to)
{
    struct job *j = f->j;

    for (size_t i = from; i < to; i++) {
        j->parts += traversal_parts(&f->item[i]);
        j->leaves += traversal_weight(&f->item[i]);
        traversal_note(&f->item[i], j->root, &j->bad_entries, &j->unread);
    }
    f->c->telling->items(f->c->t->o, f->c->t->im, j->root, &f->item[from],
                         to - from, j->sum);
}

/* Prints all but the last item; that becomes the first one. */
static void make_room(struct found *f)
{
    struct job *j = f->j;
    size_t last = f->items - 1;
    size_t from = 0;

    if (j->told == 0) {
        j->head = f->item[0];
        from = 1;
    }
    if (from < last) {
        print_found(f, from, last);
    }
    j->told += last;
    f->item[0] = f->item[last];
    f->items = 1;
}

/* Takes the items behind those that were found. */
static void take_items(struct found *f, size_t items, bool may_join)
{
    struct ptw_item *next = &f->item[f->items];

    if (may_join && items > 0 && f->items > 0 &&
        ptw_items_join(f->regime, f->c->telling->flags, next - 1, next)) {
        items--;
        memmove(next, next + 1, items * sizeof *next);
    }
    f->items += items;
    if (f->items == BATCH) {
        make_room(f);
    }
}

static void find_inside(struct found *f, const struct ptw_item *table)
{
    const struct traversal *t = f->c->t;
    struct ptw_walk_options w = ptw_walk_everything();
    struct ptw_walk walk;
    bool may_join = true;
    size_t items;

    w.first = t->o->first;
    w.last = t->o->last;
    w.flags = f->c->telling->flags;
    if (ptw_expand_init(&walk, f->regime, &t->im->mem, table, &w) != PTW_OK) {
        return; /* the image has changed */
    }
    while (ptw_walk_next(&walk, &f->item[f->items], BATCH - f->items, &items) ==
           PTW_OK) {
        take_items(f, items, may_join);
        may_join = false;
    }
    f->j->reads += ptw_walk_counts(&walk).reads;
}

static void fetch_ahead(const struct crew *c, const struct job *j, size_t i)
{
    const char *bytes = NULL;

    if (i < j->items && j->outline[i].kind == PTW_ITEM_TABLE) {
        bytes = ptw_borrow(&c->t->im->mem, j->outline[i].u.table.table,
                           AHEAD_BYTES);
    }
    for (size_t at = 0; bytes != NULL && at < AHEAD_BYTES; at += 64) {
        __builtin_prefetch(bytes + at);
    }
}

static void do_job(struct crew *c, struct job *j)
{
    struct found f;

    f.c = c;
    f.j = j;
    f.items = 0;
    out_redirect(&j->text);
    for (size_t i = 0; i < j->items; i++) {
        const struct ptw_item *item = &j->outline[i];

        f.regime = c->t->o->root[j->root + item->space].regime;
        if (item->kind == PTW_ITEM_TABLE) {
            fetch_ahead(c, j, i + AHEAD);
            find_inside(&f, item);
        } else {
            f.item[f.items] = *item;
            take_items(&f, 1, true);
        }
    }
    if (f.items > 0) {
        make_room(&f);
        j->tail = f.item[0];
        if (j->told++ == 0) {
            j->head = j->tail;
        }
    }
    out_redirect(NULL);
}

/* Does the job that is next, if there is one; called with the lock. */
static bool do_next(struct crew *c)
{
    struct job *j;

    if (c->next == c->end) {
        return false;
    }
    j = &c->job[c->next++ % c->jobs];
    (void)pthread_mutex_unlock(&c->lock);
    do_job(c, j);
    (void)pthread_mutex_lock(&c->lock);
    j->done = true;
    (void)pthread_cond_signal(&c->done);
    return true;
}

static void *work(void *arg)
{
    struct crew *c = arg;

    (void)pthread_mutex_lock(&c->lock);
    while (!c->quit) {
        if (!do_next(c)) {
            (void)pthread_cond_wait(&c->made, &c->lock);
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* ------------------------------------------------------------------ threads */

/* Signals that somebody sends are for the command's thread. */
static void start_threads(struct crew *c)
{
    static const int faults[] = {SIGBUS,  SIGSEGV, SIGILL, SIGFPE,
                                 SIGTRAP, SIGABRT, SIGSYS};
    sigset_t set = signals_ending();
    sigset_t before;

    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        (void)sigdelset(&set, faults[i]);
    }
    json_object_seed(0); /* once, before there are others that make objects */
    (void)pthread_sigmask(SIG_BLOCK, &set, &before);
    while (c->started + 1 < c->wanted &&
           pthread_create(&c->thread[c->started], NULL, work, c) == 0) {
        c->started++;
    }
    c->wanted = c->started + 1; /* what there is not, nobody waits for */
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void end_threads(struct crew *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->quit = true;
    (void)pthread_cond_broadcast(&c->made);
    (void)pthread_mutex_unlock(&c->lock);
    while (c->started > 0) {
        (void)pthread_join(c->thread[--c->started], NULL);
    }
}

/* -------------------------------------------------------------- the outline */

static struct job *clean_job(struct crew *c)
{
    struct job *j = &c->job[c->end % c->jobs];

    j->kind = JOB_ITEMS;
    j->root = c->root;
    j->begins = false;
    j->ends = false;
    j->items = 0;
    j->done = false;
    j->told = 0;
    j->parts = 0;
    j->leaves = 0;
    j->bad_entries = 0;
    memset(&j->unread, 0, sizeof j->unread);
    j->reads = 0;
    j->text.used = 0;
    memset(j->sum, 0, c->telling->sum_bytes);
    return j;
}

/* Starts the outline of the next root, or of all of them. */
static enum ptw_status start_outline(struct crew *c)
{
    struct traversal *t = c->t;
    struct ptw_walk_options w = ptw_walk_everything();

    t->spaces = c->telling->spaces;
    w.first = t->o->first;
    w.last = t->o->last;
    w.flags = c->telling->flags | PTW_WALK_OUTLINE;
    w.max_reads = SLICE;
    if (!c->telling->spaces) {
        return ptw_virt_to_phys_init(&c->walk, &t->im->mem, t->o->root[c->root],
                                     &w);
    }
    memo_new(&t->memo, &t->memo_storage, &t->memo_tables);
    if (ptw_walk_va_spaces_init(&c->walk, &t->im->mem, t->o->root, t->o->roots,
                                &t->memo, &w) != PTW_OK) {
        die(CLI_USAGE, t->o->image, "these roots can't be walked");
    }
    return PTW_OK;
}

/* Walks on in the outline until the job is full, or the walk at its end. */
static void fill_job(struct crew *c, struct job *j)
{
    size_t tables = 0;
    bool over = false;

    while (!over && j->items < OUTLINE_ROOM && tables < c->tables) {
        size_t room = OUTLINE_ROOM - j->items;
        struct ptw_item *item = &j->outline[j->items];
        enum ptw_status st;
        size_t items;

        room = room < c->tables - tables ? room : c->tables - tables;
        st = ptw_walk_next(&c->walk, item, room, &items);
        for (size_t i = 0; i < items; i++) {
            tables += item[i].kind == PTW_ITEM_TABLE;
        }
        j->items += items;
        j->outline_reads = ptw_walk_counts(&c->walk).reads;
        if (st == PTW_E_SPACE) {
            memo_more(&c->t->memo, &c->t->memo_storage, &c->t->memo_tables);
        } else if (st == PTW_E_LIMIT && j->outline_reads < c->t->reads_left) {
            ptw_walk_extend(&c->walk, SLICE, 0);
        } else if (st == PTW_E_LIMIT) {
            j->kind = JOB_LIMIT;
            over = true;
        } else if (st == PTW_END) {
            j->ends = true;
            over = true;
        }
    }
    if (over) {
        c->walking = false;
        c->root = c->telling->spaces || j->kind == JOB_LIMIT ? c->t->o->roots
                                                             : c->root + 1;
    }
}

/* Makes a job, if there is anything left. */
static bool make_job(struct crew *c)
{
    struct job *j;

    if (!c->walking && c->root == c->t->o->roots) {
        return false;
    }
    j = clean_job(c);
    if (!c->walking) {
        j->why = start_outline(c);
        j->begins = true;
        c->walking = j->why == PTW_OK;
    }
    if (c->walking) {
        fill_job(c, j);
        c->tables =
            c->tables < c->tables_most / 2 ? c->tables * 2 : c->tables_most;
    } else {
        j->kind = JOB_BAD;
        c->root++;
    }
    if (c->end == JOBS_ALONE) {
        start_threads(c);
    }
    (void)pthread_mutex_lock(&c->lock);
    c->end++;
    (void)pthread_cond_signal(&c->made);
    (void)pthread_mutex_unlock(&c->lock);
    return true;
}

/* ------------------------------------------------------------------- taking */

/* Counts leaves; false when they are beyond the limit. */
static bool count(struct traversal *t, uint64_t leaves)
{
    if (leaves > t->leaves_left) {
        return false;
    }
    t->leaves_left -= leaves;
    t->leaves += leaves;
    return true;
}

/* Tells the item that was carried along, which does not go on. */
static bool tell_carried(struct crew *c)
{
    struct traversal *t = c->t;

    if (!c->carries) {
        return true;
    }
    if (!count(t, traversal_weight(&c->carry))) {
        return false;
    }
    traversal_note(&c->carry, t->root, &t->bad_entries, &t->unread);
    traversal_note_space(t, &c->carry);
    c->telling->items(t->o, t->im, t->root, &c->carry, 1, c->sum);
    c->told += traversal_parts(&c->carry);
    c->carries = false;
    return true;
}

static bool carry(struct crew *c, const struct ptw_item *item)
{
    const struct ptw_regime *r = c->t->o->root[c->t->root + item->space].regime;

    if (c->carries && ptw_items_join(r, c->telling->flags, &c->carry, item)) {
        return true;
    }
    if (!tell_carried(c)) {
        return false;
    }
    c->carry = *item;
    c->carries = true;
    return true;
}

/* Whether both begin the same space. */
static bool is_space(const struct ptw_item *a, const struct ptw_item *b)
{
    return a->kind == PTW_ITEM_SPACE && b->kind == PTW_ITEM_SPACE &&
           a->space == b->space;
}

static bool take_told(struct crew *c, struct job *j)
{
    struct traversal *t = c->t;

    if (j->told == 0) {
        return true;
    }
    if (!carry(c, &j->head)) {
        return false;
    }
    if (j->told == 1) {
        return true;
    }
    if (!tell_carried(c) || !count(t, j->leaves)) {
        return false;
    }
    out_bytes(j->text.bytes, j->text.used);
    c->telling->add(c->sum, j->sum);
    c->told += j->parts;
    t->bad_entries += j->bad_entries;
    unread_add(&t->unread, &j->unread);
    for (size_t i = 0; i < j->items; i++) {
        if (!is_space(&j->head, &j->outline[i]) &&
            !is_space(&j->tail, &j->outline[i])) {
            traversal_note_space(t, &j->outline[i]);
        }
    }
    return carry(c, &j->tail);
}

/* Takes a job that is done; false when a limit is reached. */
static bool take(struct crew *c, struct job *j)
{
    struct traversal *t = c->t;
    uint64_t reads;

    if (j->kind == JOB_BAD) {
        t->status =
            cli_worse(t->status, roots_report_bad(t->o, j->root, j->why));
        return true;
    }
    if (j->begins) {
        t->root = j->root;
        t->bad_entries = 0;
        c->reads = 0;
        c->told = 0;
        c->carries = false;
        memset(c->sum, 0, c->telling->sum_bytes);
        if (c->telling->begin != NULL) {
            c->telling->begin(t, c->sum);
        }
    }
    c->reads += j->reads;
    reads = c->reads + j->outline_reads;
    if (j->kind == JOB_LIMIT || reads > t->reads_left || !take_told(c, j)) {
        return false;
    }
    if (j->items > 0) {
        const struct ptw_item *last = &j->outline[j->items - 1];

        if (progress_is_due()) {
            traversal_progress(t, t->root + last->space, last->last);
        }
    }
    if (j->ends) {
        if (!tell_carried(c)) {
            return false;
        }
        if (t->reads_left != UINT64_MAX) {
            t->reads_left -= reads;
        }
        if (c->telling->end != NULL) {
            c->telling->end(t, c->sum);
        }
    }
    return true;
}

/* Sees to it that the first job is done. */
static void wait_for(struct crew *c, const struct job *j)
{
    (void)pthread_mutex_lock(&c->lock);
    while (!j->done) {
        if (!do_next(c)) {
            (void)pthread_cond_wait(&c->done, &c->lock);
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
}

/* How many tables have as many entries as a job has at most. */
static size_t most_tables(const struct ptw_regime *r)
{
    unsigned log2 =
        ptw_levels(r) < 2 ? 0 : ptw_level_shift(r, 1) - ptw_level_shift(r, 0);

    return (size_t)JOB_LEAVES >> log2 > 0 ? (size_t)JOB_LEAVES >> log2 : 1;
}

static void make_room_for_jobs(struct crew *c, unsigned threads)
{
    c->jobs = (size_t)threads * JOBS_EACH;
    c->job = must(calloc(c->jobs, sizeof *c->job));
    for (size_t i = 0; i < c->jobs; i++) {
        c->job[i].outline =
            must(malloc(OUTLINE_ROOM * sizeof *c->job[i].outline));
        c->job[i].sum = must(calloc(1, c->telling->sum_bytes + 1));
    }
    c->tables_most = most_tables(&c->t->o->regime);
    c->tables = 1;
}

static void free_jobs(struct crew *c)
{
    for (size_t i = 0; i < c->jobs; i++) {
        free(c->job[i].outline);
        free(c->job[i].sum);
        free(c->job[i].text.bytes);
    }
    free(c->job);
    (void)pthread_cond_destroy(&c->made);
    (void)pthread_cond_destroy(&c->done);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

static void tell_in_threads(struct traversal *t, const struct telling *telling,
                            unsigned threads, void *sum)
{
    struct crew *c = must(calloc(1, sizeof *c));
    bool limit = false;
    uint64_t told;

    c->t = t;
    c->telling = telling;
    c->sum = sum;
    c->wanted = threads;
    if (pthread_mutex_init(&c->lock, NULL) != 0 ||
        pthread_cond_init(&c->made, NULL) != 0 ||
        pthread_cond_init(&c->done, NULL) != 0) {
        die_of_memory();
    }
    make_room_for_jobs(c, threads);
    while (!limit) {
        while (c->end - c->first < c->jobs && make_job(c)) {
        }
        if (c->first == c->end) {
            break;
        }
        wait_for(c, &c->job[c->first % c->jobs]);
        limit = !take(c, &c->job[c->first % c->jobs]);
        c->first++;
    }
    end_threads(c);
    told = c->told;
    t->over = true;
    free_jobs(c);
    if (limit) {
        if (telling->spaces) {
            free(t->memo_storage);
        }
        tell_on(t, telling, t->root, true, told, sum);
    }
}

void crew_tell(struct traversal *t, const struct telling *telling)
{
    void *sum = must(calloc(1, telling->sum_bytes + 1));
    unsigned threads = crew_size(t);

    if (threads < 2) {
        tell_on(t, telling, 0, false, 0, sum);
    } else {
        tell_in_threads(t, telling, threads, sum);
    }
    free(sum);
}
