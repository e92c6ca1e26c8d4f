/* SPDX-License-Identifier: Apache-2.0 */
/* A small host for a guest of several spaces.
 *
 *     kvm-host kvm|qemu amd64|i686 [ROUNDS]
 *
 * It builds the guest's tables, runs it, copies what it writes, and at the end
 * of every round takes a snapshot: the guest is rebuilt into a dense image, the
 * image is verified, and the guest goes on from it in a new machine.  The guest
 * checks all the while that it sees what it should, and tells sums at the end.
 *
 * Exit status: 0 right; 1 something was wrong, or could not be said; 2 wrong
 * arguments; 77 there is no such machine. */
#include "snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SKIPPED = 77, ROUNDS = 100 };

extern const uint8_t play_amd64[], play_i686[];
extern const size_t play_amd64_bytes, play_i686_bytes;

struct host {
    const struct vm_ops *ops;
    const uint8_t *program;
    size_t program_bytes;
    uint32_t rounds;
    struct image image;
    struct vm vm;
    struct spaces spaces;
    struct snapshot_report report;
    uint32_t snapshots;
    unsigned long faults;
    struct space_counts counts; /* of the machines before this one */
    unsigned answers;           /* right ones */
};

/* What became of a call by the guest. */
enum outcome { GO_ON, RESTORE, OVER, WRONG };

static enum outcome wrong(const char *what, enum ptw_status st)
{
    printf("wrong: %s: %s\n", what, ptw_status_text(st));
    return WRONG;
}

static const struct guest_header *guest_of(const struct host *h)
{
    return (const void *)h->program;
}

/* ------------------------------------------------------------------- calls */

static enum outcome serve_fault(struct host *h, struct vm_registers *regs)
{
    enum ptw_status st =
        spaces_serve(&h->spaces, regs->gpr[VM_RSI], regs->gpr[VM_RDI]);

    h->faults++;
    regs->gpr[VM_RAX] = st == PTW_OK ? 0 : 1;
    regs->cr3 = h->spaces.space[h->spaces.current].tables.root.table.v;
    if (st != PTW_OK) {
        printf("fault at %" PRIx64 " (%" PRIx64 "): %s\n", regs->gpr[VM_RSI],
               regs->gpr[VM_RDI], ptw_status_text(st));
    }
    return vm_tables_changed(&h->vm) == VM_OK ? GO_ON : WRONG;
}

/* The guest is about to write this to CR3: that space is the current one. */
static enum outcome tell_root(struct host *h, struct vm_registers *regs)
{
    if (regs->gpr[VM_RSI] >= PLAY_SPACES) {
        return wrong("space", PTW_E_RANGE);
    }
    h->spaces.current = (unsigned)regs->gpr[VM_RSI];
    regs->gpr[VM_RAX] = h->spaces.space[h->spaces.current].tables.root.table.v;
    return GO_ON;
}

static enum outcome take_snapshot(struct host *h, struct vm_registers *regs)
{
    enum ptw_status st;

    regs->gpr[VM_RAX] = regs->gpr[VM_RSI] + 1 < h->rounds;
    st = snapshot_take(&h->spaces, regs, &h->image, &h->report);
    if (st != PTW_OK) {
        return wrong(h->report.trouble, st);
    }
    h->snapshots++;
    return RESTORE;
}

static enum outcome hear_answer(struct host *h, struct vm_registers *regs)
{
    uint64_t space = regs->gpr[VM_RSI];
    uint32_t right = 0;

    for (uint32_t i = 0; i < PLAY_SPACES; i++) {
        if (space == i || space == PLAY_SPACES) {
            right += play_sum(i, h->rounds);
        }
    }
    if (regs->gpr[VM_RDI] != right) {
        printf("wrong: space %" PRIu64 " says %" PRIx64 ", not %" PRIx32 "\n",
               space, regs->gpr[VM_RDI], right);
        return WRONG;
    }
    h->answers++;
    return space == PLAY_SPACES ? OVER : GO_ON;
}

static enum outcome hear(struct host *h, const struct vm_exit *e,
                         struct vm_registers *regs)
{
    switch ((enum play_call)e->value) {
    case PLAY_FAULT:
        return serve_fault(h, regs);
    case PLAY_ROOT:
        return tell_root(h, regs);
    case PLAY_SNAPSHOT:
        return take_snapshot(h, regs);
    case PLAY_ANSWER:
        return hear_answer(h, regs);
    case PLAY_WRONG:
        break;
    }
    printf("wrong: space %" PRIu64 " at %" PRIu64 " (%" PRIx64 "), round "
           "%" PRIu32 "\n",
           regs->gpr[VM_RSI], regs->gpr[VM_RDI], regs->gpr[VM_RDI],
           h->snapshots);
    return WRONG;
}

/* --------------------------------------------------------------------- run */

static enum outcome step(struct host *h)
{
    struct vm_registers regs;
    enum outcome outcome;
    struct vm_exit e;

    vm_run(&h->vm, &e);
    if (e.kind != VM_EXIT_OUT) {
        printf("wrong: exit %d, address %" PRIx64 ": %s\n", (int)e.kind,
               e.address, h->vm.why);
        return WRONG;
    }
    if (vm_get(&h->vm, &regs) != VM_OK) {
        return WRONG;
    }
    outcome = hear(h, &e, &regs);
    if (outcome == GO_ON && vm_set(&h->vm, &regs) != VM_OK) {
        printf("wrong: %s\n", h->vm.why);
        return WRONG;
    }
    return outcome;
}

/* The image has to be as it was: nothing may have been written to it. */
static bool image_is_whole(const struct host *h, const struct image *image)
{
    const uint8_t *there = vm_host(&h->vm, IMAGE_AT, IMAGE_MOST);

    return memcmp(there, image->bytes, IMAGE_MOST) == 0;
}

/* A new machine with the image in it. */
static enum outcome restore(struct host *h)
{
    struct vm_config c = {
        .mode = h->image.mode,
        .memory = {{.base = IMAGE_AT, .bytes = IMAGE_MOST, .read_only = true},
                   {.base = SCRATCH_AT, .bytes = SCRATCH_MOST}},
        .memories = 2,
        .doorbell = guest_of(h)->doorbell,
    };
    enum ptw_status st;

    if (vm_open(&h->vm, h->ops, &c) != VM_OK) {
        printf("wrong: %s\n", h->vm.why);
        return WRONG;
    }
    memcpy(vm_host(&h->vm, IMAGE_AT, IMAGE_MOST), h->image.bytes, IMAGE_MOST);
    st = spaces_init(&h->spaces, &h->vm, guest_of(h), &h->image);
    if (st != PTW_OK) {
        vm_close(&h->vm);
        return wrong("restore", st);
    }
    h->image.regs.cr3 = h->spaces.space[h->spaces.current].tables.root.table.v;
    if (vm_set(&h->vm, &h->image.regs) != VM_OK) {
        printf("wrong: %s\n", h->vm.why);
        vm_close(&h->vm);
        return WRONG;
    }
    return GO_ON;
}

static void add_counts(struct host *h)
{
    h->counts.copied += h->spaces.counts.copied;
    h->counts.zeroed += h->spaces.counts.zeroed;
    h->counts.moved += h->spaces.counts.moved;
    h->counts.links += h->spaces.counts.links;
    memset(&h->spaces.counts, 0, sizeof h->spaces.counts);
}

/* What was restored has to be what the snapshot is of: a snapshot of it, before
 * the guest goes on, sees the same guest. */
static enum outcome restored_right(struct host *h)
{
    static uint8_t bytes[IMAGE_MOST];
    struct image again = {.bytes = bytes};
    struct snapshot_report report;
    enum ptw_status st =
        snapshot_take(&h->spaces, &h->image.regs, &again, &report);

    if (st != PTW_OK) {
        return wrong(report.trouble, st);
    }
    if (memcmp(report.certificate.digest, h->report.certificate.digest,
               sizeof report.certificate.digest) != 0) {
        printf("wrong: what was restored is another guest\n");
        return WRONG;
    }
    return GO_ON;
}

/* One machine, from one snapshot to the next. */
static enum outcome run_machine(struct host *h, struct image *before)
{
    enum outcome outcome = restore(h);

    if (outcome != GO_ON) {
        return outcome;
    }
    memcpy(before->bytes, h->image.bytes, IMAGE_MOST);
    if (h->snapshots > 0) {
        outcome = restored_right(h);
    }
    while (outcome == GO_ON) {
        outcome = step(h);
    }
    if (!image_is_whole(h, before)) {
        printf("wrong: something was written to the image\n");
        outcome = WRONG;
    }
    add_counts(h);
    vm_close(&h->vm);
    return outcome;
}

static int play(struct host *h, const struct ptw_cpu *cpu)
{
    static uint8_t bytes[2][IMAGE_MOST];
    struct image before = {.bytes = bytes[1]};
    enum outcome outcome;
    enum ptw_status st;

    h->image.bytes = bytes[0];
    st = spaces_build(&h->image, h->program, h->program_bytes, cpu);
    if (st != PTW_OK) {
        wrong("build", st);
        return 1;
    }
    do {
        outcome = run_machine(h, &before);
    } while (outcome == RESTORE);
    if (outcome != OVER || h->answers != PLAY_SPACES + 1) {
        return 1;
    }
    printf("%u spaces, %" PRIu32 " rounds, each in a new machine: all answers "
           "right\n",
           (unsigned)PLAY_SPACES, h->snapshots);
    printf("%lu faults served; %lu pages copied, %lu zeroed; %lu tables moved, "
           "%lu links made\n",
           h->faults, h->counts.copied, h->counts.zeroed, h->counts.moved,
           h->counts.links);
    printf("last snapshot: %" PRIu64 " bytes, %" PRIu64 " pages, %" PRIu64
           " tables, %" PRIu64 " aliases, digest %016" PRIx64 "%016" PRIx64
           "\n",
           h->report.counts.bytes, h->report.counts.pages,
           h->report.counts.tables, h->report.certificate.aliases,
           h->report.certificate.digest[0], h->report.certificate.digest[1]);
    return 0;
}

/* -------------------------------------------------------------------- main */

static int usage(void)
{
    fprintf(stderr, "usage: kvm-host kvm|qemu amd64|i686 [ROUNDS]\n");
    return 2;
}

/* A number from 1 up, and nothing else: strtoull would take blanks and a sign.
 */
static bool parse_rounds(const char *text, uint32_t *rounds)
{
    unsigned long long value;
    char *end;

    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    value = strtoull(text, &end, 10);
    if (*end != '\0' || errno != 0 || value == 0 || value > UINT32_MAX) {
        return false;
    }
    *rounds = (uint32_t)value;
    return true;
}

static int run(int argc, char **argv)
{
    static struct host h;
    char why[VM_WHY];
    enum vm_result result;
    bool amd64;

    if (argc < 3 || argc > 4) {
        return usage();
    }
    amd64 = strcmp(argv[2], "amd64") == 0;
    h.ops = strcmp(argv[1], "kvm") == 0 ? &vm_kvm : &vm_qemu;
    if ((!amd64 && strcmp(argv[2], "i686") != 0) ||
        (h.ops == &vm_qemu && strcmp(argv[1], "qemu") != 0)) {
        return usage();
    }
    h.image.mode = amd64 ? VM_AMD64 : VM_I686;
    h.program = amd64 ? play_amd64 : play_i686;
    h.program_bytes = amd64 ? play_amd64_bytes : play_i686_bytes;
    h.rounds = ROUNDS;
    if (argc == 4 && !parse_rounds(argv[3], &h.rounds)) {
        return usage();
    }
    result = vm_available(h.ops, h.image.mode, why);
    if (result != VM_OK) {
        printf("%s: %s\n", result == VM_ABSENT ? "skipped" : "wrong", why);
        return result == VM_ABSENT ? SKIPPED : 1;
    }
    return play(&h, NULL);
}

int main(int argc, char **argv)
{
    int status = run(argc, argv);

    /* What was found out has to have been said. */
    if (ferror(stdout) || fclose(stdout) != 0) {
        fprintf(stderr, "kvm-host: standard output can't be written\n");
        return 1;
    }
    return status;
}
