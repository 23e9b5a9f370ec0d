/* What calls between C and a guest take through wasm.h, in nanoseconds: run it by calls.sh. */
#include "holdall.h"

#include <stdio.h>
#include <time.h>

#define ROUNDS 10000000

static const char TEXT[] =
    "(module"
    "  (import \"host\" \"next\" (func $next (param i32) (result i32)))"
    "  (func (export \"empty\"))"
    "  (func (export \"add\") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))"
    "  (func (export \"loop\") (param $n i32)"
    "    (loop $again"
    "      (br_if $again (local.tee $n (call $next (local.get $n)))))))";

static wasm_trap_t *next(const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    results->data[0].of.i32 = args->data[0].of.i32 - 1;
    return NULL;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_byte_vec_t binary;
    if (!holdall_wat2wasm(TEXT, sizeof TEXT - 1, &binary)) return 1;
    wasm_module_t *module = wasm_module_new(store, &binary);
    wasm_functype_t *type = wasm_functype_new_1_1(wasm_valtype_new_i32(), wasm_valtype_new_i32());
    wasm_func_t *host = wasm_func_new(store, type, next);
    wasm_extern_t *imported[] = {wasm_func_as_extern(host)};
    wasm_extern_vec_t imports = WASM_ARRAY_VEC(imported);
    wasm_instance_t *instance = wasm_instance_new(store, module, &imports, NULL);
    if (instance == NULL) return 1;
    wasm_extern_vec_t exports;
    wasm_instance_exports(instance, &exports);

    wasm_val_t two[] = {WASM_I32_VAL(1), WASM_I32_VAL(2)}, one[] = {WASM_I32_VAL(ROUNDS)}, out[] = {WASM_INIT_VAL};
    wasm_val_vec_t none = WASM_EMPTY_VEC, pair = WASM_ARRAY_VEC(two), rounds = WASM_ARRAY_VEC(one);
    wasm_val_vec_t result = WASM_ARRAY_VEC(out);
    for (int pass = 0; pass < 3; pass++) {
        double start = now();
        for (int i = 0; i < ROUNDS; i++) wasm_func_call(wasm_extern_as_func(exports.data[0]), &none, &none);
        double empty = now();
        for (int i = 0; i < ROUNDS; i++) wasm_func_call(wasm_extern_as_func(exports.data[1]), &pair, &result);
        double add = now();
        wasm_func_call(wasm_extern_as_func(exports.data[2]), &rounds, &none);
        double loop = now();
        printf("a call of an empty export %.1f ns, of an addition %.1f ns; a call back into C %.1f ns\n",
            (empty - start) / ROUNDS, (add - empty) / ROUNDS, (loop - add) / ROUNDS);
    }

    wasm_extern_vec_delete(&exports);
    wasm_instance_delete(instance);
    wasm_func_delete(host);
    wasm_functype_delete(type);
    wasm_module_delete(module);
    wasm_byte_vec_delete(&binary);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
