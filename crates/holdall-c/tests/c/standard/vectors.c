/* Vectors: none, one and many elements, copies that are independent, and elements that are owned. */
#include "common.h"

static int ended;

static void end(void *info)
{
    (void)info;
    ended++;
}

static void of_bytes(void)
{
    wasm_byte_vec_t a;
    wasm_byte_vec_t b;
    wasm_name_t name;
    wasm_byte_vec_new(&a, 5, "ab\0de");
    wasm_byte_vec_copy(&b, &a);
    a.data[0] = 'x';
    CHECK(a.size == 5 && b.size == 5 && memcmp(b.data, "ab\0de", 5) == 0 && memcmp(a.data, "xb\0de", 5) == 0);
    wasm_byte_vec_delete(&a);
    CHECK(a.size == 0 && a.data == NULL);
    /* Deleted twice is deleted once. */
    wasm_byte_vec_delete(&a);
    wasm_byte_vec_delete(&b);
    wasm_byte_vec_new_uninitialized(&a, 70000);
    CHECK(a.size == 70000);
    memset(a.data, 1, a.size);
    wasm_byte_vec_delete(&a);
    wasm_name_new_from_string(&name, "name");
    CHECK(name.size == 4 && memcmp(name.data, "name", 4) == 0);
    wasm_name_delete(&name);
    wasm_name_new_from_string_nt(&name, "name");
    CHECK(name.size == 5 && strcmp(name.data, "name") == 0);
    wasm_name_delete(&name);
    wasm_name_new_from_string(&name, "");
    CHECK(name.size == 0);
    wasm_name_delete(&name);
    wasm_name_new_from_string_nt(&name, "");
    CHECK(name.size == 1 && name.data[0] == 0);
    wasm_name_delete(&name);
    /* More than there is: no vector. */
    memset(&a, 0x5a, sizeof a);
    wasm_byte_vec_new_uninitialized(&a, SIZE_MAX);
    CHECK(a.size == 0);
    wasm_byte_vec_delete(&a);
    memset(&a, 0x5a, sizeof a);
    wasm_byte_vec_new_uninitialized(&a, SIZE_MAX / 2 + 1);
    CHECK(a.size == 0);
    wasm_byte_vec_delete(&a);
}

static void of_types(void)
{
    wasm_valtype_vec_t a;
    wasm_valtype_vec_t b;
    wasm_valtype_t *row[] = {wasm_valtype_new_i32(), NULL, wasm_valtype_new_externref()};
    wasm_valtype_vec_new(&a, 3, row);
    CHECK(a.size == 3 && a.data[0] == row[0] && a.data[1] == NULL);
    wasm_valtype_vec_copy(&b, &a);
    CHECK(b.size == 3 && b.data[0] != a.data[0] && b.data[1] == NULL);
    CHECK(wasm_valtype_kind(b.data[0]) == WASM_I32 && wasm_valtype_kind(b.data[2]) == WASM_EXTERNREF);
    wasm_valtype_vec_delete(&a);
    CHECK(wasm_valtype_kind(b.data[2]) == WASM_EXTERNREF);
    wasm_valtype_vec_delete(&b);
    /* Room for elements, deleted before anything is in it. */
    wasm_valtype_vec_new_uninitialized(&a, 9);
    wasm_valtype_vec_delete(&a);
    memset(&a, 0x5a, sizeof a);
    wasm_valtype_vec_new_uninitialized(&a, SIZE_MAX / sizeof(void *));
    CHECK(a.size == 0);
    wasm_valtype_vec_delete(&a);
}

static void of_values(wasm_store_t *store)
{
    wasm_foreign_t *foreign = wasm_foreign_new(store);
    wasm_val_t row[] = {WASM_F64_VAL(1.5), WASM_REF_VAL(wasm_foreign_as_ref(foreign)), WASM_REF_VAL(NULL)};
    wasm_val_vec_t a;
    wasm_val_vec_t b;
    wasm_val_t value;
    wasm_foreign_set_host_info_with_finalizer(foreign, NULL, end);
    /* The vector has the reference now. */
    wasm_val_vec_new(&a, 3, row);
    wasm_val_vec_copy(&b, &a);
    CHECK(b.data[0].of.f64 == 1.5 && b.data[1].of.ref != a.data[1].of.ref && b.data[2].of.ref == NULL);
    CHECK(wasm_ref_same(b.data[1].of.ref, a.data[1].of.ref));
    wasm_val_copy(&value, &a.data[1]);
    wasm_val_vec_delete(&a);
    CHECK(ended == 0);
    wasm_val_vec_delete(&b);
    CHECK(ended == 0);
    wasm_val_delete(&value);
    CHECK(ended == 1);
    wasm_val_vec_new_uninitialized(&a, 4);
    CHECK(a.size == 4);
    wasm_val_vec_delete(&a);
    /* A value that owns nothing, whatever its bits are. */
    value.kind = WASM_I64;
    value.of.i64 = -1;
    wasm_val_delete(&value);
}

static void of_externs(wasm_store_t *store)
{
    wasm_limits_t limits = {1, 1};
    wasm_memorytype_t *type = wasm_memorytype_new(&limits);
    wasm_memory_t *memory = wasm_memory_new(store, type);
    wasm_extern_t *row[] = {wasm_memory_as_extern(memory), NULL};
    wasm_extern_vec_t a;
    wasm_extern_vec_t b;
    wasm_extern_vec_new(&a, 2, row);
    wasm_extern_vec_copy(&b, &a);
    CHECK(b.size == 2 && b.data[1] == NULL && b.data[0] != a.data[0] && wasm_extern_same(b.data[0], a.data[0]));
    wasm_extern_vec_delete(&a);
    CHECK(wasm_memory_size(wasm_extern_as_memory(b.data[0])) == 1);
    wasm_extern_vec_delete(&b);
    wasm_memorytype_delete(type);
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    of_bytes();
    of_types();
    of_values(store);
    of_externs(store);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return 0;
}
