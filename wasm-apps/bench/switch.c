// A virtual machine's loop: n instructions of a small program, each decoded and run by a switch
// of sixteen arms that clang makes a br_table of.

#include "kernel.h"

enum {
    ADD, SUB, MUL, XOR, AND, OR, SHIFT_LEFT, SHIFT_RIGHT,
    ROTATE, NOT, LOAD, STORE, SWAP, INCREMENT, SKIP_IF_ODD, CONSTANT,
};

#define PROGRAM 256

static u8 program[PROGRAM];
static u32 cells[16];

KERNEL {
    u32 seed = 0xabcdef01;
    for (i32 i = 0; i < PROGRAM; i++) {
        program[i] = (u8)(random_next(&seed) >> 11);
    }
    for (u32 i = 0; i < 16; i++) {
        cells[i] = i * 0x01010101;
    }
    u32 a = 1;
    u32 b = 2;
    u32 at = 0;
    for (i32 i = 0; i < n; i++) {
        u32 code = program[at];
        u32 operand = code >> 4;
        at = (at + 1) & (PROGRAM - 1);
        switch (code & 15) {
        case ADD: a += b; break;
        case SUB: a -= b ^ operand; break;
        case MUL: a *= b | 1; break;
        case XOR: a ^= b; break;
        case AND: b &= a | operand; break;
        case OR: b |= a >> operand; break;
        case SHIFT_LEFT: a <<= operand & 3; break;
        case SHIFT_RIGHT: b >>= operand & 3; break;
        case ROTATE: a = a << 5 | a >> 27; break;
        case NOT: b = ~b; break;
        case LOAD: a = cells[operand]; break;
        case STORE: cells[operand] = b; break;
        case SWAP: { u32 kept = a; a = b; b = kept; break; }
        case INCREMENT: b += operand + 1; break;
        case SKIP_IF_ODD: at = (at + (a & 1)) & (PROGRAM - 1); break;
        case CONSTANT: b += 0x9e3779b9u * operand; break;
        }
    }
    u64 sum = checksum(CHECKSUM_START, a);
    sum = checksum(sum, b);
    for (i32 i = 0; i < 16; i++) {
        sum = checksum(sum, cells[i]);
    }
    return (i64)sum;
}
