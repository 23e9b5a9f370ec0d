/* One engine and one module, shared by threads that have a store each. */
#include "common.h"

#include <pthread.h>

/* module threads
(module
  (import "host" "add" (func $add (param i32)))
  (import "host" "id" (global $id i32))
  (func (export "run") (call $add (global.get $id))))
*/

enum { THREADS = 8, TIMES = 5 };

typedef struct work_t {
    wasm_engine_t *engine;
    const wasm_shared_module_t *module;
    int32_t id;
    int32_t sum;
} work_t;

static wasm_trap_t *add(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    (void)results;
    ((work_t *)env)->sum += args->data[0].of.i32;
    return NULL;
}

static void *run(void *argument)
{
    work_t *work = (work_t *)argument;
    wasm_store_t *store = wasm_store_new(work->engine);
    wasm_module_t *module = wasm_module_obtain(store, work->module);
    wasm_globaltype_t *type = wasm_globaltype_new(wasm_valtype_new_i32(), WASM_CONST);
    wasm_val_t id = WASM_I32_VAL(work->id);
    int i;
    for (i = 0; i < TIMES; i++) {
        wasm_func_t *func = host_func_with(store, "i", "", add, work, NULL);
        wasm_global_t *global = wasm_global_new(store, type, &id);
        wasm_extern_t *externs[] = {wasm_func_as_extern(func), wasm_global_as_extern(global)};
        wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
        wasm_instance_t *instance = wasm_instance_new(store, module, &imports, NULL);
        wasm_func_t *run_func = func_of(instance, 0);
        CHECK(call_0(run_func) == NULL);
        wasm_func_delete(run_func);
        wasm_instance_delete(instance);
        wasm_func_delete(func);
        wasm_global_delete(global);
    }
    wasm_globaltype_delete(type);
    wasm_module_delete(module);
    wasm_store_delete(store);
    return NULL;
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_module_t *module = module_of(store, "threads");
    wasm_shared_module_t *shared = wasm_module_share(module);
    pthread_t threads[THREADS];
    work_t works[THREADS];
    int i;
    wasm_module_delete(module);
    wasm_store_delete(store);
    for (i = 0; i < THREADS; i++) {
        works[i].engine = engine;
        works[i].module = shared;
        works[i].id = i + 1;
        works[i].sum = 0;
        CHECK(pthread_create(&threads[i], NULL, run, &works[i]) == 0);
    }
    for (i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        printf("thread %d: %" PRId32 "\n", i + 1, works[i].sum);
    }
    wasm_shared_module_delete(shared);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
thread 1: 5
thread 2: 10
thread 3: 15
thread 4: 20
thread 5: 25
thread 6: 30
thread 7: 35
thread 8: 40
*/
