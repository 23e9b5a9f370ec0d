/* Destroying in every order: each buffer of the reader goes back once, and nothing leaks. */

#include "check.h"

static char pool[4 << 20];

static void
init(bool with_pool)
{
    RuntimeInitArgs args;
    memset(&args, 0, sizeof(args));
    args.mem_alloc_type = with_pool ? Alloc_With_Pool : Alloc_With_System_Allocator;
    args.mem_alloc_option.pool.heap_buf = with_pool ? pool : NULL;
    args.mem_alloc_option.pool.heap_size = with_pool ? sizeof(pool) : 0;
    CHECK(wasm_runtime_full_init(&args));
    wasm_runtime_set_module_reader(read_module, destroy_module);
    reads = destroyed = 0;
}

static void
fini(int expected)
{
    wasm_runtime_destroy();
    CHECK(reads == expected);
    CHECK(destroyed == reads);
}

int
main(void)
{
    int round;
    for (round = 0; round < 2; round++) {
        bool with_pool = round == 1;
        wasm_module_t module, other;
        wasm_module_inst_t inst, second;
        wasm_exec_env_t env;
        wasm_function_inst_t func;
        uint32_t argv[1];
        mem_alloc_info_t info;

        /* Nothing but the runtime; twice destroyed. */
        init(with_pool);
        fini(0);
        wasm_runtime_destroy();

        /* Each thing by itself, the usual way. */
        init(with_pool);
        CHECK(wasm_runtime_get_mem_alloc_info(&info) == with_pool);
        if (with_pool)
            CHECK(info.total_size >= sizeof(pool) - 32 && info.total_free_size == info.total_size);
        CHECK((module = load("mC")));
        CHECK((inst = instantiate(module)));
        CHECK((env = wasm_runtime_create_exec_env(inst, 8192)));
        CHECK((func = wasm_runtime_lookup_function(inst, "call_A")));
        CHECK(wasm_runtime_call_wasm(env, func, 0, argv) && argv[0] == 10);
        wasm_runtime_destroy_exec_env(env);
        CHECK(!wasm_runtime_call_wasm(env, func, 0, argv));
        wasm_runtime_deinstantiate(inst);
        wasm_runtime_unload(module);
        CHECK(destroyed == 0);
        fini(2);

        /* The runtime first: all that there was is gone, and later calls do nothing. */
        init(with_pool);
        CHECK((module = load("mC")));
        CHECK((inst = instantiate(module)));
        CHECK((env = wasm_runtime_create_exec_env(inst, 8192)));
        CHECK((func = wasm_runtime_lookup_function(inst, "C", NULL)));
        fini(2);
        CHECK(!wasm_runtime_call_wasm(env, func, 0, argv));
        wasm_runtime_destroy_exec_env(env);
        wasm_runtime_deinstantiate(inst);
        wasm_runtime_unload(module);
        CHECK(!wasm_runtime_get_exception(inst));
        CHECK(!instantiate(module));
        CHECK_TEXT(error_buf, "WASM module instantiate failed: there is no such module");

        /* The module before its instances, which live on; the environment last. */
        init(with_pool);
        CHECK((module = load("mC")));
        CHECK((inst = instantiate(module)));
        CHECK((second = instantiate(module)));
        CHECK(wasm_runtime_get_module(inst) == module);
        wasm_runtime_unload(module);
        CHECK(wasm_runtime_get_module(inst) == NULL);
        CHECK((env = wasm_runtime_create_exec_env(inst, 8192)));
        CHECK((func = wasm_runtime_lookup_function(inst, "$mB$call_A")));
        CHECK(wasm_runtime_call_wasm(env, func, 0, argv) && argv[0] == 10);
        wasm_runtime_deinstantiate(inst);
        wasm_runtime_destroy_exec_env(env);
        CHECK(wasm_runtime_lookup_function(second, "C"));
        CHECK(!wasm_runtime_lookup_function(inst, "C"));
        wasm_runtime_unload(module);
        /* Handles that are used again are other handles. */
        CHECK((other = load("mC")) && other != module);
        fini(2);

        /* Dependencies are found by name, and stay. */
        init(with_pool);
        CHECK((module = load("mC")));
        CHECK((other = wasm_runtime_find_module_registered("mA")));
        CHECK(other == wasm_runtime_find_module_registered("mA"));
        CHECK(!wasm_runtime_find_module_registered("mC"));
        wasm_runtime_unload(other);
        CHECK(other == wasm_runtime_find_module_registered("mA"));
        CHECK(wasm_runtime_register_module("mC", module, error_buf, sizeof(error_buf)));
        CHECK(wasm_runtime_register_module("mC", module, NULL, 0));
        CHECK(module == wasm_runtime_find_module_registered("mC"));
        CHECK(!wasm_runtime_register_module("mD", module, error_buf, sizeof(error_buf)));
        CHECK(strstr(error_buf, "failed to rename the module"));
        CHECK(!wasm_runtime_register_module("env", other, error_buf, sizeof(error_buf)));
        CHECK((inst = instantiate(module)));
        CHECK(wasm_runtime_lookup_function(inst, "$mC$C"));
        wasm_runtime_unload(module);
        CHECK(!wasm_runtime_find_module_registered("mC"));
        fini(2);

        /* Initialised twice, destroyed twice. */
        init(with_pool);
        CHECK(wasm_runtime_init());
        CHECK((module = load("mA")));
        wasm_runtime_destroy();
        CHECK((inst = instantiate(module)));
        CHECK(wasm_runtime_get_mem_alloc_info(&info) == with_pool);
        fini(0);
        CHECK(!wasm_runtime_get_mem_alloc_info(&info));
    }
    puts("all orders");
    return 0;
}
