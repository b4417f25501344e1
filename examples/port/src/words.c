#include <stdlib.h>
#include <string.h>
#include "words.h"

void add(struct words *words, const char *text)
{
    for (int at = 0; at < words->count; at++)
        if (strcmp(words->each[at].text, text) == 0) {
            words->each[at].times++;
            return;
        }
    if (words->count == MOST)
        abort();
    strncpy(words->each[words->count].text, text, LONGEST);
    words->each[words->count++].times = 1;
}

static int compare(const void *left, const void *right)
{
    /* Each entry begins with its text; the number of times stands behind it. */
    int often = *(const int *)((const char *)right + LONGEST + 1) - *(const int *)((const char *)left + LONGEST + 1);
    return often ? often : strcmp(left, right);
}

void sort(struct words *words)
{
    qsort(words->each, (size_t)words->count, sizeof words->each[0], compare);
}
