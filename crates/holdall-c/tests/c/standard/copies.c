/* Handles: copies are the same thing and share its host information; finalizers run once, at the end. */
#include "common.h"

/* module copies
(module
  (memory (export "memory") 1)
  (global (export "global") (mut i32) (i32.const 1))
  (table (export "table") 1 externref)
  (tag (export "tag"))
  (func (export "func")))
*/

/* Says which ends, and how often it has. */
static int ended[10];

static void end(void *info)
{
    ended[*(int *)info]++;
}

static int marks[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

#define TRY(name, it, mark)                                                                                  \
    do {                                                                                                     \
        wasm_##name##_t *first = it;                                                                         \
        wasm_##name##_t *copy = wasm_##name##_copy(first);                                                   \
        wasm_ref_t *ref = wasm_ref_copy(wasm_##name##_as_ref(copy));                                         \
        wasm_##name##_t *again = wasm_ref_as_##name(ref);                                                    \
        CHECK(copy != NULL && again != NULL);                                                                \
        CHECK(wasm_##name##_same(first, copy) && wasm_##name##_same(first, again));                          \
        CHECK(wasm_ref_same(ref, wasm_##name##_as_ref(first)));                                              \
        CHECK(wasm_##name##_same(first, first));                                                             \
        CHECK(wasm_##name##_get_host_info(first) == NULL);                                                   \
        wasm_##name##_set_host_info(first, &marks[0]);                                                       \
        CHECK(wasm_##name##_get_host_info(copy) == &marks[0] && wasm_ref_get_host_info(ref) == &marks[0]);   \
        wasm_ref_set_host_info_with_finalizer(ref, &marks[mark], end);                                       \
        CHECK(wasm_##name##_get_host_info(first) == &marks[mark]);                                           \
        wasm_##name##_delete(first);                                                                         \
        CHECK(wasm_##name##_get_host_info(copy) == &marks[mark]);                                            \
        wasm_##name##_delete(copy);                                                                          \
        CHECK(ended[mark] == 0);                                                                             \
        wasm_ref_delete(ref);                                                                                \
    } while (0)

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_instance_t *instance = instance_of(store, "copies");
    int i;

    TRY(memory, memory_of(instance, 0), 1);
    TRY(global, global_of(instance, 1), 2);
    TRY(table, table_of(instance, 2), 3);
    TRY(func, func_of(instance, 4), 4);
    /* Two exports of an instance, and the instance asked twice. */
    {
        wasm_memory_t *memory = memory_of(instance, 0);
        wasm_memory_t *again = memory_of(instance, 0);
        wasm_extern_t *global = export_of(instance, 1);
        CHECK(wasm_memory_same(memory, again));
        CHECK(wasm_memory_get_host_info(again) == &marks[1]);
        CHECK(!wasm_extern_same(global, wasm_memory_as_extern(memory)));
        CHECK(!wasm_ref_same(wasm_extern_as_ref(global), wasm_instance_as_ref(instance)));
        CHECK(wasm_extern_get_host_info(global) == &marks[2]);
        wasm_memory_delete(memory);
        wasm_memory_delete(again);
        wasm_extern_delete(global);
    }
    TRY(instance, instance, 5);

    /* Modules, traps and foreign objects end with their last handle. */
    TRY(module, module_of(store, "copies"), 6);
    TRY(trap, trap_with(store, "text"), 7);
    TRY(foreign, wasm_foreign_new(store), 8);
    printf("at the last handle: %d %d %d\n", ended[6], ended[7], ended[8]);

    /* Other information ends what was there before. */
    {
        wasm_foreign_t *foreign = wasm_foreign_new(store);
        wasm_foreign_set_host_info_with_finalizer(foreign, &marks[9], end);
        wasm_foreign_set_host_info_with_finalizer(foreign, &marks[9], end);
        printf("other information: %d\n", ended[9]);
        wasm_foreign_set_host_info(foreign, NULL);
        printf("other information: %d\n", ended[9]);
        wasm_foreign_delete(foreign);
        printf("no finalizer: %d\n", ended[9]);
    }

    for (i = 1; i < 6; i++) {
        CHECK(ended[i] == 0);
    }
    wasm_store_delete(store);
    for (i = 1; i < 6; i++) {
        printf("with the store: %d\n", ended[i]);
    }
    wasm_engine_delete(engine);
    return 0;
}

/* prints
at the last handle: 1 1 1
other information: 1
other information: 2
no finalizer: 2
with the store: 1
with the store: 1
with the store: 1
with the store: 1
with the store: 1
*/
