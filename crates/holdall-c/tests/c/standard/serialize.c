/* A module goes to bytes and comes back; bytes that are no module do not. */
#include "common.h"

/* module serialize
(module
  (import "host" "say" (func $say (param i32)))
  (func (export "run") (call $say (i32.const 42))))
*/

static wasm_trap_t *say(const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    (void)results;
    printf("say %" PRId32 "\n", args->data[0].of.i32);
    return NULL;
}

static void run(wasm_store_t *store, const wasm_module_t *module)
{
    wasm_func_t *func = host_func(store, "i", "", say);
    wasm_extern_t *externs[] = {wasm_func_as_extern(func)};
    wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
    wasm_instance_t *instance = wasm_instance_new(store, module, &imports, NULL);
    wasm_func_t *run_func = func_of(instance, 0);
    CHECK(call_0(run_func) == NULL);
    wasm_func_delete(run_func);
    wasm_instance_delete(instance);
    wasm_func_delete(func);
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_module_t *module = module_of(store, "serialize");
    wasm_byte_vec_t bytes;
    wasm_byte_vec_t part;
    size_t i;
    int good = 0;

    wasm_module_serialize(module, &bytes);
    wasm_module_delete(module);
    CHECK(bytes.size > 0);
    module = wasm_module_deserialize(store, &bytes);
    run(store, module);
    wasm_module_delete(module);

    /* Another engine takes the bytes, too. */
    {
        wasm_engine_t *other = wasm_engine_new();
        wasm_store_t *other_store = wasm_store_new(other);
        module = wasm_module_deserialize(other_store, &bytes);
        run(other_store, module);
        wasm_module_delete(module);
        wasm_store_delete(other_store);
        wasm_engine_delete(other);
    }

    /* All beginnings, and every byte changed: some are other modules, none does any harm. */
    for (i = 0; i < bytes.size; i++) {
        part.size = i;
        part.data = bytes.data;
        module = wasm_module_deserialize(store, &part);
        good += module != NULL;
        wasm_module_delete(module);
    }
    for (i = 0; i < bytes.size; i++) {
        bytes.data[i] = (wasm_byte_t)(bytes.data[i] ^ 0x55);
        module = wasm_module_deserialize(store, &bytes);
        good += module != NULL;
        wasm_module_delete(module);
        bytes.data[i] = (wasm_byte_t)(bytes.data[i] ^ 0x55);
    }
    CHECK(good < (int)bytes.size);
    CHECK(wasm_module_deserialize(store, NULL) == NULL);
    CHECK(wasm_module_deserialize(NULL, &bytes) == NULL);

    wasm_byte_vec_delete(&bytes);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
say 42
say 42
*/
