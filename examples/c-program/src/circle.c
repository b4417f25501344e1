#include "pi.h"
#include "shapes.h"

double circle(double radius)
{
    return PI * radius * radius;
}
