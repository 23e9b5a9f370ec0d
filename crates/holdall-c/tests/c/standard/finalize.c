/* Finalizers of many instances run when their store is deleted, each once. */
#include "common.h"

/* module finalize
(module
  (memory 1)
  (func (export "f"))
  (func (export "g")))
*/

enum { MANY = 2000 };

static int live;
static int sum;

static void end(void *info)
{
    live--;
    sum += *(int *)info;
    free(info);
}

static void fill(wasm_store_t *store)
{
    wasm_module_t *module = module_of(store, "finalize");
    int i;
    for (i = 0; i < MANY; i++) {
        wasm_instance_t *instance = wasm_instance_new(store, module, NULL, NULL);
        int *info = (int *)malloc(sizeof *info);
        *info = i;
        wasm_instance_set_host_info_with_finalizer(instance, info, end);
        CHECK(wasm_instance_get_host_info(instance) == info);
        live++;
        wasm_instance_delete(instance);
    }
    wasm_module_delete(module);
    printf("live %d\n", live);
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *first = wasm_store_new(engine);
    wasm_store_t *second = wasm_store_new(engine);
    fill(first);
    fill(second);
    wasm_store_delete(second);
    printf("live %d\n", live);
    fill(first);
    wasm_store_delete(first);
    printf("live %d, sum %d\n", live, sum);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
live 2000
live 4000
live 2000
live 4000
live 0, sum 5997000
*/
