/* SPDX-License-Identifier: Apache-2.0 */
/* The command's parser ends the process when an argument is wrong, and leaves to
 * that what it has allocated.  Included before all else in its sources, this
 * gives it a heap that a target empties after each input. */
#ifndef FUZZ_ARGUMENTS_HEAP_H
#define FUZZ_ARGUMENTS_HEAP_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

void *heap_malloc(size_t bytes);
void *heap_calloc(size_t n, size_t bytes);
void *heap_realloc(void *p, size_t bytes);
void heap_free(void *p);
ssize_t heap_getline(char **line, size_t *room, FILE *file);

#define malloc  heap_malloc
#define calloc  heap_calloc
#define realloc heap_realloc
#define free    heap_free
#define getline heap_getline

#endif
