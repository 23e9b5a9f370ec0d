// A small stack machine that runs n turns of a loop of twelve instructions: loads of code and stack
// through pointers, a switch.

#include "../kernel.h"

enum { PUSH, DUP, OVER, ADD, MUL, XOR, SHR, LOAD, STORE, SUB, JUMP_IF, END };

static const i32 PROGRAM[] = {
    LOAD, 0, DUP, MUL, PUSH, 12345, ADD, LOAD, 1, XOR, STORE, 0,
    LOAD, 1, PUSH, 1, SUB, DUP, STORE, 1, JUMP_IF, 0, END,
};

static NOINLINE i32 interpret(const i32 *code, i32 *variables) {
    i32 stack[16];
    i32 *top = stack;
    const i32 *ip = code;
    for (;;) {
        switch (*ip++) {
        case PUSH:
            *++top = *ip++;
            break;
        case DUP:
            top[1] = top[0];
            top++;
            break;
        case OVER:
            top[1] = top[-1];
            top++;
            break;
        case ADD:
            top--;
            top[0] = (i32)((u32)top[0] + (u32)top[1]);
            break;
        case SUB:
            top--;
            top[0] = (i32)((u32)top[0] - (u32)top[1]);
            break;
        case MUL:
            top--;
            top[0] = (i32)((u32)top[0] * (u32)top[1]);
            break;
        case XOR:
            top--;
            top[0] ^= top[1];
            break;
        case SHR:
            top--;
            top[0] = (i32)((u32)top[0] >> (top[1] & 31));
            break;
        case LOAD:
            *++top = variables[*ip++];
            break;
        case STORE:
            variables[*ip++] = *top--;
            break;
        case JUMP_IF: {
            i32 target = *ip++;
            if (*top-- != 0) {
                ip = code + target;
            }
            break;
        }
        default:
            return variables[0];
        }
    }
}

KERNEL {
    i32 variables[2] = {1, n};
    return interpret(PROGRAM, variables);
}
