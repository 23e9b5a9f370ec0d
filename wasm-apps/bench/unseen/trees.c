// n insertions into, and look-ups and deletions in, a treap that takes its nodes from a list of free
// ones: pointers, unpredictable branches, recursion.

#include "../kernel.h"

typedef struct node {
    struct node *left, *right;
    u32 key, rank;
} node;

static node *unused;
static u32 seed;

static node *make(u32 key) {
    node *it = unused;
    if (it) {
        unused = it->left;
    } else {
        it = heap_take(sizeof(node));
    }
    *it = (node){0, 0, key, random_next(&seed)};
    return it;
}

static NOINLINE node *insert(node *tree, u32 key) {
    if (!tree) {
        return make(key);
    }
    if (key < tree->key) {
        tree->left = insert(tree->left, key);
        if (tree->left->rank > tree->rank) {
            node *up = tree->left;
            tree->left = up->right;
            up->right = tree;
            return up;
        }
    } else if (key > tree->key) {
        tree->right = insert(tree->right, key);
        if (tree->right->rank > tree->rank) {
            node *up = tree->right;
            tree->right = up->left;
            up->left = tree;
            return up;
        }
    }
    return tree;
}

static NOINLINE node *join(node *left, node *right) {
    if (!left || !right) {
        return left ? left : right;
    }
    if (left->rank > right->rank) {
        left->right = join(left->right, right);
        return left;
    }
    right->left = join(left, right->left);
    return right;
}

static NOINLINE u32 delete(node **tree, u32 key) {
    while (*tree && (*tree)->key != key) {
        tree = key < (*tree)->key ? &(*tree)->left : &(*tree)->right;
    }
    node *it = *tree;
    if (!it) {
        return 0;
    }
    *tree = join(it->left, it->right);
    it->left = unused;
    unused = it;
    return 1;
}

KERNEL {
    heap_reset();
    unused = 0;
    seed = 0x7ee;
    node *tree = 0;
    u32 deleted = 0, found = 0;
    for (i32 i = 0; i < n; i++) {
        u32 key = random_next(&seed) & 0xffff;
        tree = insert(tree, key);
        deleted += delete(&tree, random_next(&seed) & 0x1ffff);
        u32 wanted = random_next(&seed) & 0xffff;
        for (node *at = tree; at; at = wanted < at->key ? at->left : at->right) {
            if (at->key == wanted) {
                found++;
                break;
            }
        }
    }
    return (i64)((u64)deleted << 32 | found);
}
