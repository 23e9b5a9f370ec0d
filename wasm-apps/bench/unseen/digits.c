// The first n decimal digits of e, by long division of an array: 64-bit divisions and remainders that
// depend on one another.

#include "../kernel.h"

KERNEL {
    heap_reset();
    u32 terms = (u32)n + 12;
    u32 *rest = heap_take(terms * 4);
    for (u32 i = 0; i < terms; i++) {
        rest[i] = 1;
    }
    u64 sum = CHECKSUM_START;
    for (i32 digit = 0; digit < n; digit += 6) {
        u64 carry = 0;
        for (u32 i = terms - 1; i > 0; i--) {
            u64 value = (u64)rest[i] * 1000000 + carry;
            rest[i] = (u32)(value % (i + 1));
            carry = value / (i + 1);
        }
        sum = checksum(sum, carry);
    }
    return (i64)sum;
}
