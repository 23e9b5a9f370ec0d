/* Memories: the bytes are asked for again after each growth, sizes and limits at their ends. */
#include "common.h"

/* module memories
(module
  (import "host" "look" (func $look))
  (import "host" "memory" (memory $memory 1 5))
  (func (export "grow") (param i32) (result i32)
    (i32.store8 (i32.const 5) (i32.const 50))
    (call $look)
    (drop (memory.grow (i32.const 1)))
    (i32.store8 (i32.const 5) (i32.const 51))
    (call $look)
    (memory.grow (local.get 0))))
*/

static wasm_trap_t *look(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    wasm_memory_t *memory = *(wasm_memory_t **)env;
    (void)args;
    (void)results;
    printf("%u pages, %d\n", (unsigned)wasm_memory_size(memory), wasm_memory_data(memory)[5]);
    /* The host grows it under the guest. */
    CHECK(wasm_memory_grow(memory, 1));
    return NULL;
}

static wasm_memory_t *new_memory(wasm_store_t *store, uint32_t min, uint32_t max)
{
    wasm_limits_t limits;
    wasm_memorytype_t *type;
    wasm_memory_t *memory;
    limits.min = min;
    limits.max = max;
    type = wasm_memorytype_new(&limits);
    memory = wasm_memory_new(store, type);
    wasm_memorytype_delete(type);
    return memory;
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_memory_t *memory = new_memory(store, 1, 5);
    wasm_memory_t *other;
    wasm_func_t *host = host_func_with(store, "", "", look, &memory, NULL);
    wasm_extern_t *imports[] = {wasm_func_as_extern(host), wasm_memory_as_extern(memory)};
    wasm_instance_t *instance = instance_with(store, "memories", imports, 2);
    wasm_func_t *grow = func_of(instance, 0);
    wasm_memorytype_t *type;

    printf("%" PRId32 "\n", call_1(grow, 1));
    printf("%u pages, %d\n", (unsigned)wasm_memory_size(memory), wasm_memory_data(memory)[5]);
    /* The type tells the size now. */
    type = wasm_memory_type(memory);
    printf("from %" PRIu32 " to %" PRIu32 "\n", wasm_memorytype_limits(type)->min, wasm_memorytype_limits(type)->max);
    wasm_memorytype_delete(type);
    memset(wasm_memory_data(memory), 7, wasm_memory_data_size(memory));

    /* Nothing, then something. */
    other = new_memory(store, 0, 1);
    CHECK(wasm_memory_size(other) == 0 && wasm_memory_data_size(other) == 0);
    CHECK(wasm_memory_grow(other, 0));
    CHECK(wasm_memory_grow(other, 1));
    wasm_memory_data(other)[65535] = 1;
    CHECK(!wasm_memory_grow(other, 1) && !wasm_memory_grow(other, UINT32_MAX));
    wasm_memory_delete(other);

    /* Without a limit. */
    other = new_memory(store, 1, wasm_limits_max_default);
    CHECK(wasm_memory_grow(other, 3) && !wasm_memory_grow(other, UINT32_MAX) && !wasm_memory_grow(other, 65533));
    CHECK(wasm_memory_size(other) == 4);
    wasm_memory_delete(other);

    /* Limits that are none. */
    CHECK(new_memory(store, 2, 1) == NULL);
    CHECK(new_memory(store, 65537, wasm_limits_max_default) == NULL);

    wasm_memory_delete(memory);
    wasm_func_delete(host);
    wasm_func_delete(grow);
    wasm_instance_delete(instance);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
1 pages, 50
3 pages, 51
4
5 pages, 51
from 5 to 5
*/
