/* Bytes that are no module: each answers with no module, and nothing is left behind. */
#include "common.h"

/* module bytes
(module
  (import "host" "f" (func (param i32) (result i32)))
  (type $t (func (param i64 f64) (result i32)))
  (memory 1 2)
  (table 3 funcref)
  (global (mut i64) (i64.const 5))
  (elem (i32.const 0) 0 1)
  (data (i32.const 7) "some data")
  (func (export "run") (param i32) (result i32)
    (block (result i32)
      (br_if 0 (call 0 (local.get 0)) (i32.const 1)))))
*/

/* module wrong_type
(module
  (func (result i32) (i64.const 1)))
*/

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_byte_vec_t bytes;
    wasm_byte_vec_t part;
    wasm_module_t *module;
    size_t i;
    int whole = 0;

    bytes_of(&bytes, "bytes");
    for (i = 0; i <= bytes.size; i++) {
        part.size = i;
        part.data = bytes.data;
        module = wasm_module_new(store, &part);
        CHECK(wasm_module_validate(store, &part) == (module != NULL));
        whole += module != NULL && i < 8;
        wasm_module_delete(module);
    }
    printf("short modules: %d\n", whole);
    for (i = 0; i < bytes.size; i++) {
        int bit;
        for (bit = 0; bit < 8; bit++) {
            bytes.data[i] = (wasm_byte_t)(bytes.data[i] ^ (1 << bit));
            module = wasm_module_new(store, &bytes);
            CHECK(wasm_module_validate(store, &bytes) == (module != NULL));
            wasm_module_delete(module);
            bytes.data[i] = (wasm_byte_t)(bytes.data[i] ^ (1 << bit));
        }
    }
    CHECK(wasm_module_validate(store, &bytes));
    wasm_byte_vec_delete(&bytes);

    bytes_of(&bytes, "wrong_type");
    CHECK(!wasm_module_validate(store, &bytes));
    CHECK(wasm_module_new(store, &bytes) == NULL);
    wasm_byte_vec_delete(&bytes);

    /* The text format is no module here. */
    part.size = 8;
    part.data = (wasm_byte_t *)"(module)";
    CHECK(wasm_module_new(store, &part) == NULL);
    part.size = 0;
    part.data = NULL;
    CHECK(wasm_module_new(store, &part) == NULL);
    CHECK(!wasm_module_validate(store, &part));

    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
short modules: 0
*/
