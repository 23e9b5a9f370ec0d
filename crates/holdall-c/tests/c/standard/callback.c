/* A guest calls two functions of the host's, one of them with an environment, and computes with their results. */
#include "common.h"

/* module callback
(module
  (import "host" "print" (func $print (param i32 i64 f32 f64) (result i32)))
  (import "host" "next" (func $next (result i32)))
  (func (export "run") (param $a i32) (param $b i32) (result i32)
    (i32.add
      (call $print
        (i32.sub (local.get $a) (local.get $b))
        (i64.mul (i64.extend_i32_s (local.get $a)) (i64.const -10000000000))
        (f32.const 0.5)
        (f64.const -1e300))
      (i32.add (call $next) (call $next)))))
*/

static wasm_trap_t *print(const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    const wasm_val_t *it = args->data;
    CHECK(args->size == 4 && results->size == 1);
    CHECK(it[0].kind == WASM_I32 && it[1].kind == WASM_I64 && it[2].kind == WASM_F32 && it[3].kind == WASM_F64);
    printf("print %" PRId32 " %" PRId64 " %g %g\n", it[0].of.i32, it[1].of.i64, (double)it[2].of.f32, it[3].of.f64);
    results->data[0].kind = WASM_I32;
    results->data[0].of.i32 = (int32_t)args->size;
    return NULL;
}

static wasm_trap_t *next(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    int *count = (int *)env;
    CHECK(args->size == 0);
    printf("next %d\n", ++*count);
    /* The kind is there already. */
    CHECK(results->data[0].kind == WASM_I32 && results->data[0].of.i32 == 0);
    results->data[0].of.i32 = *count;
    return NULL;
}

static void counted(void *env)
{
    printf("the environment ends at %d\n", *(int *)env);
}

int main(void)
{
    int count = 40;
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_func_t *print_func = host_func(store, "iIfF", "i", print);
    wasm_func_t *next_func = host_func_with(store, "", "i", next, &count, counted);
    wasm_extern_t *imports[] = {wasm_func_as_extern(print_func), wasm_func_as_extern(next_func)};
    wasm_instance_t *instance = instance_with(store, "callback", imports, 2);
    wasm_func_t *run = func_of(instance, 0);
    wasm_val_t args[] = {WASM_I32_VAL(3), WASM_I32_VAL(4)};
    wasm_val_t results[] = {WASM_INIT_VAL};

    CHECK(call(run, 2, args, 1, results) == NULL);
    printf("result %" PRId32 "\n", results[0].of.i32);

    /* A function of the host's is called like one of a guest's. */
    CHECK(call(next_func, 0, NULL, 1, results) == NULL);
    printf("result %" PRId32 "\n", results[0].of.i32);

    wasm_func_delete(print_func);
    wasm_func_delete(next_func);
    wasm_func_delete(run);
    wasm_instance_delete(instance);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
print -1 -30000000000 0.5 -1e+300
next 41
next 42
result 87
next 43
result 43
the environment ends at 43
*/
