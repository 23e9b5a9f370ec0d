// The product of two n x n matrices of f64, by the schoolbook's three loops.

#include "kernel.h"

KERNEL {
    heap_reset();
    u32 cells = (u32)(n * n);
    f64 *a = heap_take(cells * sizeof(f64));
    f64 *b = heap_take(cells * sizeof(f64));
    f64 *c = heap_take(cells * sizeof(f64));
    u32 seed = 0x2545f491;
    for (u32 i = 0; i < cells; i++) {
        a[i] = (f64)(random_next(&seed) & 0xffff) / 256.0;
        b[i] = (f64)(random_next(&seed) & 0xffff) / 256.0;
    }
    for (i32 row = 0; row < n; row++) {
        for (i32 column = 0; column < n; column++) {
            f64 sum = 0;
            for (i32 k = 0; k < n; k++) {
                sum += a[row * n + k] * b[k * n + column];
            }
            c[row * n + column] = sum;
        }
    }
    u64 sum = CHECKSUM_START;
    for (u32 i = 0; i < cells; i++) {
        sum = checksum(sum, bits_of(c[i]));
    }
    return (i64)sum;
}
