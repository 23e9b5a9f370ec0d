// n KiB of text are scanned: words and lines counted, letters folded to lower case and counted,
// and a few needles looked for byte by byte. Byte loads, compares and short inner loops.

#include "kernel.h"

static const char *const NEEDLES[] = {"holdall", "the bag", "memory", "no such thing", "zz"};

static inline i32 is_space(u8 byte) {
    return byte == ' ' || byte == '\n' || byte == '\t';
}

static NOINLINE u32 count_words(const u8 *text, u32 size) {
    u32 words = 0;
    i32 inside = 0;
    for (u32 i = 0; i < size; i++) {
        if (is_space(text[i])) {
            inside = 0;
        } else if (!inside) {
            inside = 1;
            words++;
        }
    }
    return words;
}

static NOINLINE u64 fold_and_count(u8 *text, u32 size) {
    u32 counts[256];
    for (i32 i = 0; i < 256; i++) {
        counts[i] = 0;
    }
    for (u32 i = 0; i < size; i++) {
        u8 byte = text[i];
        if (byte >= 'A' && byte <= 'Z') {
            byte += 'a' - 'A';
            text[i] = byte;
        }
        counts[byte]++;
    }
    u64 sum = CHECKSUM_START;
    for (i32 i = 0; i < 256; i++) {
        sum = checksum(sum, counts[i]);
    }
    return sum;
}

static NOINLINE u32 occurrences(const u8 *text, u32 size, const char *needle) {
    u32 length = 0;
    while (needle[length]) {
        length++;
    }
    u32 found = 0;
    for (u32 i = 0; i + length <= size; i++) {
        u32 k = 0;
        while (k < length && text[i + k] == (u8)needle[k]) {
            k++;
        }
        found += k == length;
    }
    return found;
}

KERNEL {
    static const char *const VOCABULARY[] = {
        "The",   "bag",    "holdall", "memory", "module", "of",    "A",     "imports",
        "table", "Linker", "and",     "zigzag", "is",     "jazz",  "trap",  "function",
    };
    heap_reset();
    u32 size = (u32)n * 1024;
    u8 *text = heap_take(size + 16);
    u32 seed = 0xc0ffee;
    for (u32 at = 0; at < size;) {
        u32 random = random_next(&seed);
        const char *word = VOCABULARY[random & 15];
        while (*word && at < size) {
            text[at++] = (u8)*word++;
        }
        text[at++] = random >> 28 ? ' ' : '\n';
    }
    u64 sum = checksum(CHECKSUM_START, count_words(text, size));
    sum = checksum(sum, fold_and_count(text, size));
    for (u32 i = 0; i < sizeof(NEEDLES) / sizeof(NEEDLES[0]); i++) {
        sum = checksum(sum, occurrences(text, size, NEEDLES[i]));
    }
    return (i64)sum;
}
