// All ways to place n queens, by bit masks and recursion: calls with four arguments, few loads.

#include "../kernel.h"

static NOINLINE u32 place(u32 all, u32 columns, u32 left, u32 right) {
    if (columns == all) {
        return 1;
    }
    u32 count = 0;
    u32 free = all & ~(columns | left | right);
    while (free != 0) {
        u32 bit = free & -free;
        free ^= bit;
        count += place(all, columns | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return count;
}

KERNEL {
    return (i64)place((1u << n) - 1, 0, 0, 0);
}
