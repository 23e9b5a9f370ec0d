/* Threads with an engine each; a store that goes from thread to thread; an engine that outlives its handle. */
#include "common.h"

#include <pthread.h>

/* module engines
(module
  (global $n (mut i32) (i32.const 0))
  (func (export "next") (param i32) (result i32)
    (global.set $n (i32.add (global.get $n) (local.get 0)))
    (global.get $n)))
*/

enum { THREADS = 4, TIMES = 200 };

/* An engine of the thread's own. */
static void *alone(void *result)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_instance_t *instance = instance_of(store, "engines");
    wasm_func_t *next = func_of(instance, 0);
    int i;
    for (i = 0; i < TIMES; i++) {
        *(int32_t *)result = call_1(next, 1);
    }
    wasm_func_delete(next);
    wasm_instance_delete(instance);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return NULL;
}

/* An instance that another thread has made. */
static void *moved(void *argument)
{
    const wasm_func_t *next = (const wasm_func_t *)argument;
    int i;
    for (i = 0; i < TIMES; i++) {
        call_1(next, 1);
    }
    return NULL;
}

/* A store that another thread has made. */
static void *deletes(void *argument)
{
    wasm_store_delete((wasm_store_t *)argument);
    return NULL;
}

static void on_a_thread(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, argument) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

int main(void)
{
    pthread_t threads[THREADS];
    int32_t results[THREADS];
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_store_t *empty = wasm_store_new(engine);
    wasm_instance_t *instance;
    wasm_func_t *next;
    int i;
    for (i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, alone, &results[i]) == 0);
    }
    for (i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        printf("%" PRId32 "\n", results[i]);
    }

    /* The engine lives on for its stores. */
    wasm_engine_delete(engine);
    instance = instance_of(store, "engines");
    next = func_of(instance, 0);
    on_a_thread(moved, next);
    on_a_thread(moved, next);
    printf("%" PRId32 "\n", call_1(next, 0));
    on_a_thread(deletes, empty);
    on_a_thread(deletes, store);
    call_1(next, 0);
    wasm_func_delete(next);
    wasm_instance_delete(instance);
    return 0;
}

/* prints
200
200
200
200
400
trap: the store was deleted
*/
