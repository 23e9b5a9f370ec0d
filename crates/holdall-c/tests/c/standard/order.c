/* Everything is deleted in every order. */
#include "common.h"

/* module order
(module
  (import "host" "f" (func $f))
  (memory (export "memory") 1)
  (global (export "global") (mut externref) (ref.null extern))
  (table (export "table") 1 externref)
  (func (export "func") (call $f)))
*/

static int ended;

static void end(void *info)
{
    (void)info;
    ended++;
}

static wasm_trap_t *nothing(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    (void)env;
    (void)args;
    (void)results;
    return NULL;
}

enum { ENGINE, STORE, MODULE, SHARED, HOST, INSTANCE, EXPORTS, FUNC, FOREIGN, THINGS };

static int marks[2];

/* Makes one of each, and deletes them in the order that the number says. */
static void in_order(const int order[])
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_module_t *module = module_of(store, "order");
    wasm_shared_module_t *shared = wasm_module_share(module);
    wasm_func_t *host = host_func_with(store, "", "", nothing, marks, end);
    wasm_extern_t *externs[] = {wasm_func_as_extern(host)};
    wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
    wasm_instance_t *instance = wasm_instance_new(store, module, &imports, NULL);
    wasm_func_t *func = func_of(instance, 3);
    wasm_foreign_t *foreign = wasm_foreign_new(store);
    wasm_extern_vec_t exports;
    size_t i;
    wasm_instance_exports(instance, &exports);
    wasm_foreign_set_host_info_with_finalizer(foreign, marks, end);
    wasm_instance_set_host_info_with_finalizer(instance, marks, end);
    wasm_func_set_host_info_with_finalizer(func, marks, end);
    wasm_func_set_host_info_with_finalizer(host, marks, end);
    wasm_module_set_host_info_with_finalizer(module, marks, end);
    {
        wasm_val_t value = WASM_REF_VAL(wasm_foreign_as_ref(foreign));
        wasm_global_set(wasm_extern_as_global(exports.data[1]), &value);
        CHECK(wasm_table_set(wasm_extern_as_table(exports.data[2]), 0, wasm_foreign_as_ref(foreign)));
    }
    CHECK(call_0(func) == NULL);
    ended = 0;
    for (i = 0; i < THINGS; i++) {
        switch (order[i]) {
        case ENGINE: wasm_engine_delete(engine); break;
        case STORE: wasm_store_delete(store); break;
        case MODULE: wasm_module_delete(module); break;
        case SHARED: wasm_shared_module_delete(shared); break;
        case HOST: wasm_func_delete(host); break;
        case INSTANCE: wasm_instance_delete(instance); break;
        case EXPORTS: wasm_extern_vec_delete(&exports); break;
        case FUNC: wasm_func_delete(func); break;
        default: wasm_foreign_delete(foreign); break;
        }
    }
    /* The environment of the host's function, and the information of five things. */
    CHECK(ended == 6);
}

int main(void)
{
    int order[THINGS];
    int first;
    int i;
    int rounds = 0;
    uint32_t random = 1;
    for (i = 0; i < THINGS; i++) {
        order[i] = i;
    }
    /* Each first, and each last. */
    for (first = 0; first < THINGS; first++) {
        for (i = 0; i < THINGS; i++) {
            order[i] = (first + i) % THINGS;
        }
        in_order(order);
        for (i = 0; i < THINGS; i++) {
            order[i] = (first + THINGS - i) % THINGS;
        }
        in_order(order);
        rounds += 2;
    }
    /* And shuffled. */
    for (; rounds < 200; rounds++) {
        for (i = THINGS - 1; i > 0; i--) {
            int other;
            int held = order[i];
            random = random * 1664525 + 1013904223;
            other = (int)((random >> 16) % (uint32_t)(i + 1));
            order[i] = order[other];
            order[other] = held;
        }
        in_order(order);
    }
    printf("%d orders\n", rounds);
    return 0;
}

/* prints
200 orders
*/
