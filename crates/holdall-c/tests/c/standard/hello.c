/* The shortest way from bytes to a call: validate, compile, give a function, instantiate, call. */
#include "common.h"

/* module hello
(module
  (import "host" "greet" (func $greet))
  (func (export "run") (call $greet)))
*/

static wasm_trap_t *greet(const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    printf("hello from C, with %u arguments and %u results\n", (unsigned)args->size, (unsigned)results->size);
    return NULL;
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_byte_vec_t bytes;
    wasm_module_t *module;
    wasm_functype_t *type;
    wasm_func_t *func;
    wasm_instance_t *instance;
    wasm_extern_vec_t exports;
    wasm_val_vec_t nothing = WASM_EMPTY_VEC;
    wasm_trap_t *trap = NULL;

    bytes_of(&bytes, "hello");
    printf("valid: %d\n", wasm_module_validate(store, &bytes));
    module = wasm_module_new(store, &bytes);
    wasm_byte_vec_delete(&bytes);

    type = wasm_functype_new_0_0();
    func = wasm_func_new(store, type, greet);
    wasm_functype_delete(type);
    {
        wasm_extern_t *externs[] = {wasm_func_as_extern(func)};
        wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
        instance = wasm_instance_new(store, module, &imports, &trap);
    }
    CHECK(instance != NULL && trap == NULL);
    wasm_func_delete(func);
    wasm_module_delete(module);

    wasm_instance_exports(instance, &exports);
    wasm_instance_delete(instance);
    CHECK(exports.size == 1);
    trap = wasm_func_call(wasm_extern_as_func(exports.data[0]), &nothing, &nothing);
    CHECK(trap == NULL);
    wasm_extern_vec_delete(&exports);

    wasm_store_delete(store);
    wasm_engine_delete(engine);
    printf("goodbye\n");
    return 0;
}

/* prints
valid: 1
hello from C, with 0 arguments and 0 results
goodbye
*/
