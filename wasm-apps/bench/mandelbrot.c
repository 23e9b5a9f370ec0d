// The Mandelbrot set on n x n points, at most 50 steps each: f64 arithmetic in a short loop.

#include "kernel.h"

#define STEPS 50

KERNEL {
    u64 total = 0;
    for (i32 row = 0; row < n; row++) {
        f64 ci = 2.0 * row / n - 1.0;
        for (i32 column = 0; column < n; column++) {
            f64 cr = 3.0 * column / n - 2.0;
            f64 r = 0;
            f64 i = 0;
            i32 steps = 0;
            while (steps < STEPS && r * r + i * i <= 4.0) {
                f64 next = r * r - i * i + cr;
                i = 2.0 * r * i + ci;
                r = next;
                steps++;
            }
            total += (u64)steps * (u64)(column + 1);
        }
    }
    return (i64)total;
}
