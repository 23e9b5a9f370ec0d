// The edit distance of two words of n letters, by two rows of a table: minimum of three, inner loops.

#include "../kernel.h"

static inline u32 least(u32 a, u32 b) {
    return a < b ? a : b;
}

KERNEL {
    heap_reset();
    u32 size = (u32)n;
    u8 *left = heap_take(size), *right = heap_take(size);
    u32 *above = heap_take((size + 1) * 4), *row = heap_take((size + 1) * 4);
    u32 seed = 0xd157;
    for (u32 i = 0; i < size; i++) {
        left[i] = (u8)(random_next(&seed) & 7);
        right[i] = (u8)(random_next(&seed) & 7);
    }
    for (u32 i = 0; i <= size; i++) {
        above[i] = i;
    }
    for (u32 i = 0; i < size; i++) {
        row[0] = i + 1;
        for (u32 j = 0; j < size; j++) {
            u32 change = above[j] + (left[i] != right[j]);
            row[j + 1] = least(change, least(above[j + 1], row[j]) + 1);
        }
        u32 *then = above;
        above = row;
        row = then;
    }
    return (i64)above[size];
}
