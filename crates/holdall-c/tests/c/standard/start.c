/* A start function that traps: there is no instance, and the trap says where. */
#include "common.h"

/* module start
(module
  (func $start unreachable)
  (start $start))
*/

/* module told
(module
  (import "host" "stop" (func $stop))
  (func $start (call $stop))
  (start $start))
*/

/* module kept
(module
  (import "" "table" (table 1 funcref))
  (import "" "memory" (memory 1))
  (func $mine (result i32) (i32.const 77))
  (elem (i32.const 0) $mine)
  (data (i32.const 0) "kept")
  (func $start unreachable)
  (start $start))
*/

static wasm_trap_t *stop(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    (void)args;
    (void)results;
    return trap_with((wasm_store_t *)env, "stopped at the start");
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_module_t *module = module_of(store, "start");
    wasm_trap_t *trap = NULL;
    wasm_frame_t *origin;
    wasm_frame_vec_t trace;
    wasm_func_t *func;

    CHECK(wasm_instance_new(store, module, NULL, &trap) == NULL);
    origin = wasm_trap_origin(trap);
    CHECK(origin != NULL);
    printf("in function %" PRIu32 "\n", wasm_frame_func_index(origin));
    wasm_frame_delete(origin);
    wasm_trap_trace(trap, &trace);
    printf("%u frames\n", (unsigned)trace.size);
    wasm_frame_vec_delete(&trace);
    tell(trap);
    /* Nobody has to ask for the trap. */
    CHECK(wasm_instance_new(store, module, NULL, NULL) == NULL);
    wasm_module_delete(module);

    /* A trap of the host's. */
    func = host_func_with(store, "", "", stop, store, NULL);
    {
        wasm_extern_t *imports[] = {wasm_func_as_extern(func)};
        CHECK(instance_with(store, "told", imports, 1) == NULL);
    }
    wasm_func_delete(func);

    /* What was written before the trap stays, and so does the function that only a table holds. */
    {
        wasm_limits_t limits = {1, 1};
        wasm_tabletype_t *tabletype = wasm_tabletype_new(wasm_valtype_new_funcref(), &limits);
        wasm_memorytype_t *memorytype = wasm_memorytype_new(&limits);
        wasm_table_t *table = wasm_table_new(store, tabletype, NULL);
        wasm_memory_t *memory = wasm_memory_new(store, memorytype);
        wasm_extern_t *imports[] = {wasm_table_as_extern(table), wasm_memory_as_extern(memory)};
        wasm_val_t results[] = {WASM_INIT_VAL};
        wasm_ref_t *ref;
        CHECK(instance_with(store, "kept", imports, 2) == NULL);
        printf("%.4s\n", wasm_memory_data(memory));
        ref = wasm_table_get(table, 0);
        CHECK(ref != NULL && call(wasm_ref_as_func(ref), 0, NULL, 1, results) == NULL);
        printf("%" PRId32 "\n", results[0].of.i32);
        wasm_ref_delete(ref);
        wasm_table_delete(table);
        wasm_memory_delete(memory);
        wasm_tabletype_delete(tabletype);
        wasm_memorytype_delete(memorytype);
    }

    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
in function 0
1 frames
trap: unreachable
trap: stopped at the start
trap: unreachable
kept
77
*/
