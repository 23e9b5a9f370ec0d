/* Traps of a guest's and of the host's: their messages, where they come from, and the calls around. */
#include "common.h"

/* module trap
(module
  (import "host" "fail" (func $fail (result i32)))
  (func (export "from the host") (result i32) (call $fail))
  (func (export "from the guest") (result i32) (call $inner (i32.const 0)))
  (func $inner (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0))))
*/

static wasm_trap_t *fail(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    CHECK(args->size == 0 && results->size == 1);
    return trap_with((wasm_store_t *)env, "the host says no");
}

static void show(const wasm_trap_t *trap, const wasm_instance_t *instance)
{
    wasm_frame_t *origin = wasm_trap_origin(trap);
    wasm_frame_vec_t trace;
    size_t i;
    wasm_trap_trace(trap, &trace);
    CHECK((origin == NULL) == (trace.size == 0));
    for (i = 0; i < trace.size; i++) {
        const wasm_frame_t *frame = trace.data[i];
        printf("  function %" PRIu32 " at %u\n", wasm_frame_func_index(frame), (unsigned)wasm_frame_func_offset(frame));
        CHECK(wasm_frame_module_offset(frame) > wasm_frame_func_offset(frame));
        CHECK(wasm_instance_same(wasm_frame_instance(frame), instance));
        if (i == 0) {
            CHECK(wasm_frame_func_index(frame) == wasm_frame_func_index(origin));
            CHECK(wasm_frame_module_offset(frame) == wasm_frame_module_offset(origin));
        }
    }
    wasm_frame_vec_delete(&trace);
    wasm_frame_delete(origin);
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_func_t *func = host_func_with(store, "", "i", fail, store, NULL);
    wasm_extern_t *imports[] = {wasm_func_as_extern(func)};
    wasm_instance_t *instance = instance_with(store, "trap", imports, 1);
    size_t i;
    for (i = 0; i < 2; i++) {
        wasm_func_t *export_func = func_of(instance, i);
        wasm_val_t results[] = {WASM_INIT_VAL};
        wasm_trap_t *trap = call(export_func, 0, NULL, 1, results);
        wasm_trap_t *copy = wasm_trap_copy(trap);
        CHECK(wasm_trap_same(copy, trap));
        wasm_trap_delete(trap);
        show(copy, instance);
        tell(copy);
        wasm_func_delete(export_func);
    }
    wasm_func_delete(func);
    wasm_instance_delete(instance);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
  function 1 at 1
trap: the host says no
  function 3 at 5
  function 2 at 3
trap: integer divide by zero
*/
