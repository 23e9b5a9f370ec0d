/* Everything of holdall.h: text, linking by names, a reader, WASI, limits of work, interruptions, exit codes. */
#include "holdall.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT(text) text, sizeof(text) - 1

static void fail(int line)
{
    printf("line %d: %s\n", line, holdall_last_error());
    exit(1);
}

#define CHECK(it) ((it) ? (void)0 : fail(__LINE__))

static wasm_module_t *module_of(wasm_store_t *store, const char *text, size_t size)
{
    wasm_byte_vec_t binary;
    wasm_module_t *module;
    CHECK(holdall_wat2wasm(text, size, &binary));
    module = wasm_module_new(store, &binary);
    wasm_byte_vec_delete(&binary);
    CHECK(module != NULL);
    return module;
}

static void print(wasm_trap_t *trap)
{
    wasm_message_t message;
    int32_t code = -1;
    CHECK(trap != NULL);
    wasm_trap_message(trap, &message);
    if (holdall_trap_exit_code(trap, &code)) {
        printf("exit code %d\n", (int)code);
    } else {
        printf("trap: %s\n", message.data);
    }
    wasm_byte_vec_delete(&message);
    wasm_trap_delete(trap);
}

/* Calls an export without parameters. */
static wasm_trap_t *call(const wasm_instance_t *instance, const char *name, int32_t *result)
{
    wasm_val_t value[] = {WASM_INIT_VAL};
    wasm_val_vec_t none = WASM_EMPTY_VEC;
    wasm_val_vec_t results = WASM_ARRAY_VEC(value);
    wasm_extern_t *item = holdall_instance_get(instance, name);
    wasm_trap_t *trap;
    CHECK(item != NULL);
    trap = wasm_func_call(wasm_extern_as_func(item), &none, result ? &results : &none);
    if (result && !trap) *result = value[0].of.i32;
    wasm_extern_delete(item);
    return trap;
}

static bool read_module(void *env, const char *name, wasm_byte_vec_t *out)
{
    ++*(int *)env;
    printf("asked for %s\n", name);
    if (strcmp(name, "read") != 0) return false;
    return holdall_wat2wasm(TEXT("(module (func (export \"two\") (result i32) (i32.const 2)))"), out);
}

static void forget(void *env)
{
    printf("asked %d times\n", *(int *)env);
}

int main(void)
{
    int asked = 0;
    int32_t result = 0;
    uint64_t fuel = 0;
    wasm_config_t *config = wasm_config_new();
    holdall_config_metering_set(config, true);
    holdall_config_canonical_nans_set(config, true);
    holdall_config_stack_size_set(config, 1 << 18);
    holdall_config_memory_limit_set(config, 1 << 20);
    wasm_engine_t *engine = wasm_engine_new_with_config(config);
    wasm_store_t *store = wasm_store_new(engine);
    holdall_linker_t *linker = holdall_linker_new(engine);
    wasm_byte_vec_t bytes;
    wasm_trap_t *trap = NULL;
    wasm_limits_t limits = {1, 1};
    wasm_memorytype_t *memory_type = wasm_memorytype_new(&limits);
    wasm_memory_t *memory = wasm_memory_new(store, memory_type);
    wasm_memorytype_delete(memory_type);

    CHECK(!holdall_wat2wasm(TEXT("(module (func $)"), &bytes) && bytes.size == 0);

    CHECK(holdall_linker_define(linker, "host", "memory", wasm_memory_as_extern_const(memory)));
    CHECK(!holdall_linker_define(linker, "host", "memory", wasm_memory_as_extern_const(memory)));
    printf("%s\n", holdall_last_error());
    CHECK(holdall_linker_reader(linker, read_module, &asked, forget));
    wasm_module_t *known = module_of(store, TEXT("(module (func (export \"one\") (result i32) (i32.const 1)))"));
    CHECK(holdall_linker_module(linker, "known", known));
    wasm_module_delete(known);

    holdall_wasi_t *wasi = holdall_wasi_new();
    CHECK(holdall_wasi_arg(wasi, "program") && holdall_wasi_env(wasi, "A", "b"));
    CHECK(!holdall_wasi_arg(wasi, "\xff") && !holdall_wasi_dir(wasi, "/not/there", "/", true));
    holdall_wasi_clocks(wasi);
    holdall_wasi_random(wasi);
    holdall_capture_t *capture = holdall_wasi_capture_stdout(wasi);
    CHECK(holdall_linker_wasi(linker, wasi));

    wasm_module_t *module = module_of(store, TEXT(
        "(module"
        "  (import \"known\" \"one\" (func $one (result i32)))"
        "  (import \"read\" \"two\" (func $two (result i32)))"
        "  (import \"host\" \"memory\" (memory 1))"
        "  (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))"
        "  (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))"
        "  (data (i32.const 0) \"\\08\\00\\00\\00\\03\\00\\00\\00hi\\n\")"
        "  (func (export \"sum\") (result i32) (i32.add (call $one) (call $two)))"
        "  (func (export \"say\") (result i32)"
        "    (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))"
        "  (func (export \"exit\") (call $exit (i32.const 7)))"
        "  (func (export \"spin\") (loop (br 0)))"
        "  (export \"memory\" (memory 0)))"));
    wasm_instance_t *instance = holdall_linker_instantiate(linker, store, module, &trap);
    CHECK(instance != NULL);
    CHECK(call(instance, "sum", &result) == NULL);
    printf("sum %d\n", (int)result);
    CHECK(call(instance, "$known$one", &result) == NULL);
    printf("one %d\n", (int)result);
    CHECK(holdall_instance_get(instance, "none") == NULL);
    CHECK(call(instance, "say", &result) == NULL);
    holdall_capture_bytes(capture, &bytes);
    printf("said %.*s", (int)bytes.size, bytes.data);
    wasm_byte_vec_delete(&bytes);
    print(call(instance, "exit", NULL));

    CHECK(!holdall_store_fuel_get(store, &fuel));
    CHECK(holdall_store_fuel_set(store, 1000) && holdall_store_fuel_get(store, &fuel));
    printf("fuel %u\n", (unsigned)fuel);
    print(call(instance, "spin", NULL));
    CHECK(holdall_store_fuel_set(store, UINT64_MAX) && holdall_store_timeout_set(store, 1));
    print(call(instance, "spin", NULL));
    CHECK(holdall_store_timeout_set(store, UINT64_MAX));
    holdall_interrupt_t *interrupt = holdall_interrupt_new(store);
    CHECK(interrupt != NULL);
    holdall_interrupt(interrupt);
    print(call(instance, "spin", NULL));

    wasm_module_t *lacking = module_of(store, TEXT("(module (import \"none\" \"x\" (func)))"));
    CHECK(holdall_linker_instantiate(linker, store, lacking, &trap) == NULL);
    print(trap);
    CHECK(holdall_linker_instantiate(NULL, store, lacking, NULL) == NULL);
    CHECK(holdall_linker_instantiate(linker, NULL, lacking, NULL) == NULL);
    CHECK(holdall_linker_instantiate(linker, store, NULL, NULL) == NULL);

    wasm_store_delete(store);
    holdall_interrupt(interrupt);
    holdall_interrupt_delete(interrupt);
    holdall_linker_delete(linker);
    holdall_capture_delete(capture);
    wasm_instance_delete(instance);
    wasm_memory_delete(memory);
    wasm_module_delete(lacking);
    wasm_module_delete(module);
    wasm_engine_delete(engine);
    return 0;
}
