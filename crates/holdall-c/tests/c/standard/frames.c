/* The frames of a trap: functions and places of guests, through the host and through several modules. */
#include "common.h"

/* module inner
(module
  (func (export "trap") (param i32) (result i32)
    (drop (i32.const 0))
    (i32.load offset=65536 (local.get 0)))
  (memory 1))
*/

/* module outer
(module
  (import "inner" "trap" (func $trap (param i32) (result i32)))
  (import "host" "back" (func $back (param i32) (result i32)))
  (func $unused)
  (func (export "direct") (param i32) (result i32) (call $trap (local.get 0)))
  (func (export "back") (param i32) (result i32) (call $back (local.get 0)))
  (func (export "deep") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (call 5 (i32.sub (local.get 0) (i32.const 1))))
      (else (unreachable)))))
*/

static wasm_trap_t *back(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    wasm_func_t **func = (wasm_func_t **)env;
    return wasm_func_call(*func, args, results);
}

static void try_it(const wasm_instance_t *instance, size_t index, int32_t argument)
{
    wasm_func_t *func = func_of(instance, index);
    wasm_val_t args[] = {WASM_I32_VAL(argument)};
    wasm_val_t results[] = {WASM_INIT_VAL};
    wasm_trap_t *trap = call(func, 1, args, 1, results);
    wasm_frame_t *origin = wasm_trap_origin(trap);
    wasm_frame_vec_t trace;
    wasm_frame_vec_t copy;
    size_t i;
    wasm_trap_trace(trap, &trace);
    wasm_frame_vec_copy(&copy, &trace);
    wasm_frame_vec_delete(&trace);
    tell(trap);
    for (i = 0; i < copy.size; i++) {
        const wasm_frame_t *frame = copy.data[i];
        printf("  function %" PRIu32 " at %u\n", wasm_frame_func_index(frame), (unsigned)wasm_frame_module_offset(frame));
    }
    CHECK(origin != NULL && wasm_frame_module_offset(origin) == wasm_frame_module_offset(copy.data[0]));
    wasm_frame_delete(origin);
    wasm_frame_vec_delete(&copy);
    wasm_func_delete(func);
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_instance_t *inner = instance_of(store, "inner");
    wasm_func_t *trapping = func_of(inner, 0);
    wasm_func_t *host = host_func_with(store, "i", "i", back, &trapping, NULL);
    wasm_extern_t *imports[] = {wasm_func_as_extern(trapping), wasm_func_as_extern(host)};
    wasm_instance_t *outer = instance_with(store, "outer", imports, 2);
    try_it(inner, 0, 0);
    try_it(outer, 0, 0);
    try_it(outer, 1, 0);
    try_it(outer, 2, 2);
    wasm_func_delete(trapping);
    wasm_func_delete(host);
    wasm_instance_delete(inner);
    wasm_instance_delete(outer);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
trap: out of bounds memory access
  function 0 at 45
trap: out of bounds memory access
  function 0 at 45
  function 3 at 90
trap: out of bounds memory access
  function 0 at 45
  function 4 at 97
trap: unreachable
  function 5 at 114
  function 5 at 111
  function 5 at 111
*/
