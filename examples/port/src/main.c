#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "version.h"
#include "words.h"

static struct words words;

int main(int count, char **arguments)
{
    char text[LONGEST + 1];
    int length = 0, sign;
    FILE *file = count == 2 ? fopen(arguments[1], "r") : NULL;

    if (count == 2 && strcmp(arguments[1], "--version") == 0) {
        puts("words " VERSION);
        return 0;
    }
    if (!file) {
        fputs("words TEXT\n", stderr);
        return 2;
    }
    do {
        sign = fgetc(file);
        if (isalpha(sign) && length < LONGEST)
            text[length++] = (char)tolower(sign);
        else if (length) {
            text[length] = 0;
            add(&words, text);
            length = 0;
        }
    } while (sign != EOF);
    sort(&words);
    for (int at = 0; at < words.count; at++)
        printf("%d\t%s\n", words.each[at].times, words.each[at].text);
#ifdef DEBUG
    fprintf(stderr, "words %s: %d\n", VERSION, words.count);
#endif
    return 0;
}
