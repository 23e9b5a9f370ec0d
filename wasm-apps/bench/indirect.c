// n calls through a table of eight functions, chosen by a pseudo-random number.

#include "kernel.h"

typedef u32 (*Step)(u32 value, u32 random);

static u32 step_add(u32 value, u32 random) { return value + random; }
static u32 step_sub(u32 value, u32 random) { return value - random; }
static u32 step_xor(u32 value, u32 random) { return value ^ random; }
static u32 step_mul(u32 value, u32 random) { return value * (random | 1); }
static u32 step_rotate(u32 value, u32 random) { return (value << 7 | value >> 25) + (random & 7); }
static u32 step_and(u32 value, u32 random) { return value & (random | 0xffff); }
static u32 step_or(u32 value, u32 random) { return value | (random & 0xff00); }
static u32 step_not(u32 value, u32 random) { return ~value + (random >> 16); }

static Step const STEPS[8] = {
    step_add, step_sub, step_xor, step_mul, step_rotate, step_and, step_or, step_not,
};

KERNEL {
    u32 seed = 0x5eed5eed;
    u32 value = 0;
    for (i32 i = 0; i < n; i++) {
        u32 random = random_next(&seed);
        value = STEPS[random >> 29](value, random);
    }
    return (i64)value;
}
