#ifndef SHAPES_H
#define SHAPES_H

double circle(double radius);
double square(double side);

#endif
