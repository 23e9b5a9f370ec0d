// The largest singular value of an n x n matrix whose elements are computed where they are needed:
// divisions and sums of f64, conversions.

#include "../kernel.h"

static inline f64 element(i32 row, i32 column) {
    return 1.0 / (f64)((row + column) * (row + column + 1) / 2 + row + 1);
}

static NOINLINE void multiply(i32 n, const f64 *from, f64 *to, i32 transposed) {
    for (i32 i = 0; i < n; i++) {
        f64 sum = 0;
        for (i32 j = 0; j < n; j++) {
            sum += (transposed ? element(j, i) : element(i, j)) * from[j];
        }
        to[i] = sum;
    }
}

KERNEL {
    heap_reset();
    f64 *u = heap_take((u32)n * 8), *v = heap_take((u32)n * 8), *between = heap_take((u32)n * 8);
    for (i32 i = 0; i < n; i++) {
        u[i] = 1;
    }
    for (i32 turn = 0; turn < 10; turn++) {
        multiply(n, u, between, 0);
        multiply(n, between, v, 1);
        multiply(n, v, between, 0);
        multiply(n, between, u, 1);
    }
    f64 uv = 0, vv = 0;
    for (i32 i = 0; i < n; i++) {
        uv += u[i] * v[i];
        vv += v[i] * v[i];
    }
    return (i64)bits_of(__builtin_sqrt(uv / vv));
}
