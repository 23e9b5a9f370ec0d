/* A guest's memory, read, written and grown from both sides, and a memory of the host's own. */
#include "common.h"

/* module memory
(module
  (memory (export "memory") 1 3)
  (data (i32.const 0x100) "\01\02\03\04")
  (func (export "load") (param i32) (result i32) (i32.load8_s (local.get 0)))
  (func (export "store") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))
*/

static wasm_trap_t *store_byte(const wasm_func_t *func, int32_t at, int32_t value)
{
    wasm_val_t args[] = {WASM_I32_VAL(at), WASM_I32_VAL(value)};
    return call(func, 2, args, 0, NULL);
}

static void show(const wasm_memory_t *memory)
{
    printf("%u pages, %u bytes\n", (unsigned)wasm_memory_size(memory), (unsigned)wasm_memory_data_size(memory));
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_instance_t *instance = instance_of(store, "memory");
    wasm_memory_t *memory = memory_of(instance, 0);
    wasm_func_t *load = func_of(instance, 1);
    wasm_func_t *put = func_of(instance, 2);
    wasm_func_t *grow = func_of(instance, 3);
    wasm_limits_t limits = {2, 3};
    wasm_memorytype_t *type = wasm_memorytype_new(&limits);
    wasm_memory_t *own_memory;

    show(memory);
    printf("at 0x103: %d %" PRId32 "\n", wasm_memory_data(memory)[0x103], call_1(load, 0x103));
    wasm_memory_data(memory)[0x103] = -5;
    CHECK(store_byte(put, 0x102, 6) == NULL);
    printf("at 0x102: %d %" PRId32 "\n", wasm_memory_data(memory)[0x102], call_1(load, 0x102));
    printf("at 0x103: %d %" PRId32 "\n", wasm_memory_data(memory)[0x103], call_1(load, 0x103));
    printf("at the last: %" PRId32 "\n", call_1(load, 0xffff));
    call_1(load, 0x10000);
    tell(store_byte(put, 0x10000, 0));

    CHECK(wasm_memory_grow(memory, 1));
    show(memory);
    CHECK(store_byte(put, 0x1ffff, 7) == NULL);
    printf("at the last: %d\n", wasm_memory_data(memory)[0x1ffff]);
    printf("the guest grows: %" PRId32 "\n", call_1(grow, 1));
    show(memory);
    printf("at 0x1ffff: %d\n", wasm_memory_data(memory)[0x1ffff]);
    CHECK(!wasm_memory_grow(memory, 1));
    CHECK(wasm_memory_grow(memory, 0));
    printf("the guest grows: %" PRId32 "\n", call_1(grow, 1));

    own_memory = wasm_memory_new(store, type);
    show(own_memory);
    CHECK(!wasm_memory_same(memory, own_memory));
    CHECK(!wasm_memory_grow(own_memory, 2));
    CHECK(wasm_memory_grow(own_memory, 1));
    show(own_memory);

    wasm_memorytype_delete(type);
    wasm_memory_delete(own_memory);
    wasm_memory_delete(memory);
    wasm_func_delete(load);
    wasm_func_delete(put);
    wasm_func_delete(grow);
    wasm_instance_delete(instance);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
1 pages, 65536 bytes
at 0x103: 4 4
at 0x102: 6 6
at 0x103: -5 -5
at the last: 0
trap: out of bounds memory access
trap: out of bounds memory access
2 pages, 131072 bytes
at the last: 7
the guest grows: 2
3 pages, 196608 bytes
at 0x1ffff: 7
the guest grows: -1
2 pages, 131072 bytes
3 pages, 196608 bytes
*/
