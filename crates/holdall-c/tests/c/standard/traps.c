/* Traps: messages of every shape, a trap of the host's through many calls, calls that never end, and what goes on. */
#include "common.h"

/* module traps
(module
  (import "host" "fail" (func $fail))
  (global $depth (export "depth") (mut i32) (i32.const 0))
  (func $forever (export "forever") (param i32) (result i32)
    (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
    (i32.add (call $forever (local.get 0)) (i32.const 1)))
  (func $through (export "through") (param i32) (result i32)
    (if (local.get 0)
      (then (return (call $through (i32.sub (local.get 0) (i32.const 1))))))
    (call $fail)
    (i32.const 1))
  (func (export "fine") (param i32) (result i32) (local.get 0))
  (tag $tag (param i32))
  (func (export "throw") (param i32) (result i32) (throw $tag (local.get 0))))
*/

static wasm_trap_t *kept;

static wasm_trap_t *fail(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    wasm_trap_t *trap = trap_with((wasm_store_t *)env, "told to fail");
    (void)args;
    (void)results;
    kept = wasm_trap_copy(trap);
    return trap;
}

/* What a message that was given comes back as. */
static void message(wasm_store_t *store, size_t size, const char *bytes)
{
    wasm_message_t given;
    wasm_message_t found;
    wasm_trap_t *trap;
    wasm_frame_t *origin;
    wasm_frame_vec_t trace;
    size_t i;
    wasm_name_new(&given, size, bytes);
    trap = wasm_trap_new(store, &given);
    wasm_name_delete(&given);
    wasm_trap_message(trap, &found);
    printf("%u:", (unsigned)found.size);
    for (i = 0; i < found.size; i++) {
        printf(" %02x", (unsigned)(unsigned char)found.data[i]);
    }
    printf("\n");
    wasm_name_delete(&found);
    /* It comes from no guest. */
    origin = wasm_trap_origin(trap);
    CHECK(origin == NULL);
    wasm_trap_trace(trap, &trace);
    CHECK(trace.size == 0);
    wasm_frame_vec_delete(&trace);
    wasm_trap_delete(trap);
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_func_t *host = host_func_with(store, "", "", fail, store, NULL);
    wasm_extern_t *imports[] = {wasm_func_as_extern(host)};
    wasm_instance_t *instance = instance_with(store, "traps", imports, 1);
    wasm_global_t *depth = global_of(instance, 0);
    wasm_func_t *forever = func_of(instance, 1);
    wasm_func_t *through = func_of(instance, 2);
    wasm_func_t *fine = func_of(instance, 3);
    wasm_func_t *throwing = func_of(instance, 4);
    wasm_val_t args[] = {WASM_I32_VAL(3)};
    wasm_val_t results[] = {WASM_I64_VAL(99)};
    wasm_val_t value;
    wasm_trap_t *trap;
    wasm_frame_vec_t trace;
    int i;

    message(store, 0, NULL);
    message(store, 1, "");
    message(store, 3, "abc");
    message(store, 4, "abc");
    message(store, 6, "a\0b\0c");
    message(store, 2, "\xff");

    /* The trap that the host gave is the trap that comes out. */
    trap = call(through, 1, args, 1, results);
    CHECK(wasm_trap_same(trap, kept));
    wasm_trap_delete(kept);
    wasm_trap_trace(trap, &trace);
    printf("%u frames\n", (unsigned)trace.size);
    wasm_frame_vec_delete(&trace);
    tell(trap);
    /* The results are as they were. */
    CHECK(results[0].kind == WASM_I64 && results[0].of.i64 == 99);

    for (i = 0; i < 3; i++) {
        call_1(forever, 1);
        printf("fine %" PRId32 "\n", call_1(fine, i));
    }
    wasm_global_get(depth, &value);
    CHECK(value.of.i32 > 300);

    /* An exception that nobody catches. */
    call_1(throwing, 1);

    wasm_global_delete(depth);
    wasm_func_delete(host);
    wasm_func_delete(forever);
    wasm_func_delete(through);
    wasm_func_delete(fine);
    wasm_func_delete(throwing);
    wasm_instance_delete(instance);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
1: 00
1: 00
4: 61 62 63 00
4: 61 62 63 00
6: 61 00 62 00 63 00
4: ef bf bd 00
4 frames
trap: told to fail
trap: call stack exhausted
fine 0
trap: call stack exhausted
fine 1
trap: call stack exhausted
fine 2
trap: uncaught exception <unnamed>!tag with 0x1:i32
*/
