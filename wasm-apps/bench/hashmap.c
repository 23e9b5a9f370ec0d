// n pairs put into a hash map with open addressing, then looked up, changed, and half of them
// taken out again: dependent loads, multiplications of 64 bits, short probing loops.

#include "kernel.h"

typedef struct {
    u64 key;
    u64 value;
} Entry;

// Every key has bit 1 set (key_of), which neither of these has.
#define EMPTY 0ull
#define REMOVED 1ull

static Entry *entries;
static u32 mask;

static inline u32 hash(u64 key) {
    key ^= key >> 33;
    key *= 0xff51afd7ed558ccdull;
    key ^= key >> 33;
    return (u32)key & mask;
}

static NOINLINE void put(u64 key, u64 value) {
    u32 at = hash(key);
    while (entries[at].key != EMPTY && entries[at].key != key) {
        at = (at + 1) & mask;
    }
    entries[at].key = key;
    entries[at].value = value;
}

static NOINLINE Entry *find(u64 key) {
    u32 at = hash(key);
    while (entries[at].key != key) {
        if (entries[at].key == EMPTY) {
            return 0;
        }
        at = (at + 1) & mask;
    }
    return &entries[at];
}

static inline u64 key_of(u32 random) {
    return (u64)random << 20 | 2;
}

KERNEL {
    heap_reset();
    u32 capacity = 16;
    while (capacity < 2 * (u32)n) {
        capacity *= 2;
    }
    mask = capacity - 1;
    entries = heap_take(capacity * sizeof(Entry));
    for (u32 i = 0; i < capacity; i++) {
        entries[i].key = EMPTY;
    }

    u32 seed = 0xdecafbad;
    for (i32 i = 0; i < n; i++) {
        put(key_of(random_next(&seed)), (u64)i);
    }
    u64 sum = CHECKSUM_START;
    seed = 0xdecafbad;
    for (i32 i = 0; i < n; i++) {
        Entry *entry = find(key_of(random_next(&seed)));
        if (!entry) {
            return -1;
        }
        sum = checksum(sum, entry->value);
        if (i & 1) {
            entry->key = REMOVED;
        } else {
            entry->value += sum;
        }
    }
    u32 missing = 0;
    seed = 0xdecafbad;
    for (i32 i = 0; i < n; i++) {
        Entry *entry = find(key_of(random_next(&seed)));
        if (entry) {
            sum = checksum(sum, entry->value);
        } else {
            missing++;
        }
    }
    return (i64)checksum(sum, missing);
}
