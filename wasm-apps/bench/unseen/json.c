// n documents in JSON, written and then read into a tree of nodes: a recursive parser over bytes,
// numbers with fractions, pointers.

#include "../kernel.h"

typedef struct node {
    u32 kind, length;
    f64 number;
    struct node *first, *next;
} node;

static const u8 *at;

static void put(u8 **to, const char *text) {
    while (*text) {
        *(*to)++ = (u8)*text++;
    }
}

static void put_number(u8 **to, u32 value) {
    u8 digits[10];
    i32 count = 0;
    do {
        digits[count++] = (u8)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (count > 0) {
        *(*to)++ = digits[--count];
    }
}

static NOINLINE void write_value(u8 **to, u32 *seed, i32 depth) {
    u32 kind = random_next(seed) % (depth > 0 ? 6 : 4);
    if (kind == 0) {
        put(to, random_next(seed) & 1 ? "true" : "null");
    } else if (kind == 1) {
        put_number(to, random_next(seed) >> 12);
        put(to, ".");
        put_number(to, random_next(seed) & 1023);
    } else if (kind < 4) {
        put(to, "\"");
        for (u32 i = random_next(seed) & 15; i > 0; i--) {
            *(*to)++ = (u8)('a' + (random_next(seed) >> 8) % 26);
        }
        put(to, "\\n\"");
    } else {
        put(to, kind == 4 ? "[" : "{");
        for (u32 i = 2 + (random_next(seed) & 3); i > 0; i--) {
            if (kind == 5) {
                put(to, "\"key\": ");
            }
            write_value(to, seed, depth - 1);
            if (i > 1) {
                put(to, ", ");
            }
        }
        put(to, kind == 4 ? "]" : "}");
    }
}

static inline void skip_space(void) {
    while (*at == ' ' || *at == ',' || *at == ':') {
        at++;
    }
}

static NOINLINE node *read_value(void) {
    node *it = heap_take(sizeof(node));
    it->first = it->next = 0;
    it->length = 0;
    it->number = 0;
    skip_space();
    it->kind = *at;
    switch (*at) {
    case '[':
    case '{': {
        u8 end = *at++ == '[' ? ']' : '}';
        node **last = &it->first;
        for (skip_space(); *at != end; skip_space()) {
            *last = read_value();
            last = &(*last)->next;
            it->length++;
        }
        at++;
        break;
    }
    case '"':
        for (at++; *at != '"'; at++) {
            if (*at == '\\') {
                at++;
            }
            it->length++;
        }
        at++;
        break;
    case 't':
    case 'n':
        at += 4;
        break;
    default: {
        f64 scale = 1;
        for (; *at >= '0' && *at <= '9'; at++) {
            it->number = it->number * 10 + (*at - '0');
        }
        if (*at == '.') {
            for (at++; *at >= '0' && *at <= '9'; at++) {
                scale *= 0.1;
                it->number += scale * (*at - '0');
            }
        }
    }
    }
    return it;
}

static NOINLINE u64 weigh(const node *it, u64 sum) {
    sum = checksum(sum, it->kind ^ (u64)it->length << 8);
    sum = checksum(sum, (u64)(i64)(it->number * 64));
    for (const node *part = it->first; part; part = part->next) {
        sum = weigh(part, sum);
    }
    return sum;
}

KERNEL {
    u64 sum = CHECKSUM_START;
    u32 seed = 0x15011;
    for (i32 i = 0; i < n; i++) {
        heap_reset();
        u8 *text = heap_take(1 << 18), *end = text;
        put(&end, "[");
        for (i32 k = 0; k < 8; k++) {
            write_value(&end, &seed, 4);
            put(&end, ", ");
        }
        put(&end, "]");
        at = text;
        sum = weigh(read_value(), sum);
    }
    return (i64)sum;
}
