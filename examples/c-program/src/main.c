#include <stdio.h>

#include "shapes.h"
#include "version.h"

int main(void)
{
    printf("shapes %s (%s)\n", VERSION, PROFILE);
    printf("circle 2 %.2f\n", circle(2));
    printf("square 3 %.2f\n", square(3));
    return 0;
}
