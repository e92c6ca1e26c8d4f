/* SPDX-License-Identifier: Apache-2.0 */
/* Prints every leaf of one space, as the command does:
 *
 *     leaves IMAGE REGIME ROOT
 *
 * The same program stands beside this one in C++, Rust and Python. */
#define _POSIX_C_SOURCE 200809L
#include <ptwalk/ptwalk.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "leaves: %s: %s\n", what, why);
    return 3;
}

static void print_leaf(const struct ptw_item *item)
{
    const struct ptw_mapping *m = &item->u.mapping;

    printf("%016" PRIx64 " %" PRIx64 " %" PRIx64 " %c %c %c %c\n",
           item->first.v, m->pa.v, UINT64_C(1) << m->size_log2,
           (m->rights & PTW_READ) != 0 ? 'r' : '-',
           (m->rights & PTW_WRITE) != 0 ? 'w' : '-',
           (m->rights & PTW_EXEC) != 0 ? 'x' : '-',
           (m->rights & PTW_USER) != 0 ? 'u' : '-');
}

static int print_leaves(const char *image, const char *name, uint64_t table)
{
    struct ptw_walk_options options = ptw_walk_everything();
    struct ptw_item item[64];
    struct ptw_regime regime;
    struct ptw_walk walk;
    struct ptw_mem mem;
    struct stat is;
    enum ptw_status st;
    const char *why;
    size_t items;
    void *bytes;
    int fd = open(image, O_RDONLY);

    if (fd < 0 || fstat(fd, &is) != 0) {
        return fail(image, "can't be opened");
    }
    bytes = mmap(NULL, (size_t)is.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED) {
        return fail(image, "can't be mapped");
    }

    st = ptw_regime_by_name(name, NULL, 0, &regime, &why);
    if (st != PTW_OK) {
        return fail(name, why);
    }
    st = ptw_mem_init_flat(&mem, ptw_pa_of(0), bytes, (uint64_t)is.st_size,
                           false);
    if (st == PTW_OK) {
        st = ptw_virt_to_phys_init(
            &walk, &mem, ptw_root_of(&regime, ptw_pa_of(table)), &options);
    }
    while (st == PTW_OK) {
        st = ptw_walk_next(&walk, item, sizeof item / sizeof item[0], &items);
        for (size_t i = 0; i < items; i++) {
            if (item[i].kind == PTW_ITEM_MAPPING) {
                print_leaf(&item[i]);
            }
        }
    }
    return st == PTW_END ? 0 : fail(image, ptw_status_text(st));
}

int main(int argc, char **argv)
{
    char *end = NULL;
    uint64_t table = argc == 4 ? strtoull(argv[3], &end, 16) : 0;

    if (end == NULL || *end != '\0') {
        fprintf(stderr, "usage: leaves IMAGE REGIME ROOT\n");
        return 2;
    }
    return print_leaves(argv[1], argv[2], table);
}
