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

/* The two instances. */
static wasm_instance_t *inner;
static wasm_instance_t *outer;

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
        const wasm_instance_t *of = wasm_frame_instance(frame);
        printf("  %s, function %" PRIu32 " at %u, %u\n",
            wasm_instance_same(of, inner) ? "inner" : "outer", wasm_frame_func_index(frame),
            (unsigned)wasm_frame_func_offset(frame), (unsigned)wasm_frame_module_offset(frame));
        CHECK(wasm_instance_same(of, inner) != wasm_instance_same(of, outer));
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
    wasm_func_t *trapping;
    wasm_func_t *host;
    inner = instance_of(store, "inner");
    trapping = func_of(inner, 0);
    host = host_func_with(store, "i", "i", back, &trapping, NULL);
    {
        wasm_extern_t *imports[] = {wasm_func_as_extern(trapping), wasm_func_as_extern(host)};
        outer = instance_with(store, "outer", imports, 2);
    }
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
  inner, function 0 at 6, 45
trap: out of bounds memory access
  inner, function 0 at 6, 45
  outer, function 3 at 3, 90
trap: out of bounds memory access
  inner, function 0 at 6, 45
  outer, function 4 at 3, 97
trap: unreachable
  outer, function 5 at 13, 114
  outer, function 5 at 10, 111
  outer, function 5 at 10, 111
*/
