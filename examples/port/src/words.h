/* Words of a text and how often each occurs. */
#define MOST 4096
#define LONGEST 63

struct words {
    int count;
    struct { char text[LONGEST + 1]; int times; } each[MOST];
};

void add(struct words *words, const char *text);
void sort(struct words *words);
