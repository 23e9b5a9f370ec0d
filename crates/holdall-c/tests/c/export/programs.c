/* Commands, shared dependencies, pools, allocators, and instances in two threads. */

#include <pthread.h>

#include "check.h"

static char pool[1 << 20];
static int allocated = 0;

static void *
count_malloc(unsigned int size)
{
    allocated++;
    return malloc(size);
}

static void
count_free(void *ptr)
{
    allocated--;
    free(ptr);
}

static void *
in_a_thread(void *arg)
{
    wasm_module_inst_t inst = (wasm_module_inst_t)arg;
    wasm_exec_env_t env;
    wasm_function_inst_t func;
    uint32_t argv[2], i;
    CHECK(wasm_runtime_init_thread_env() && wasm_runtime_thread_env_inited());
    CHECK((env = wasm_runtime_create_exec_env(inst, 8192)));
    CHECK((func = wasm_runtime_lookup_function(inst, "add")));
    for (i = 0; i < 2000; i++) {
        argv[0] = i, argv[1] = 1;
        CHECK(wasm_runtime_call_wasm(env, func, 2, argv) && argv[0] == i + 1);
        if (i % 100 == 0)
            wasm_runtime_unload(load("sums"));
    }
    wasm_runtime_destroy_exec_env(env);
    wasm_runtime_destroy_thread_env();
    CHECK(!wasm_runtime_thread_env_inited());
    return NULL;
}

int
main(void)
{
    RuntimeInitArgs args;
    wasm_module_t module;
    wasm_module_inst_t inst, other;
    wasm_memory_inst_t memory;
    wasm_import_t import;
    wasm_export_t export_;
    wasm_exec_env_t env;
    InstantiationArgs inst_args;
    pthread_t one, two;
    char *argv[3], a[] = "abc", b[] = "d", w[] = "hello from wasi";
    uint32_t cells[1];
    int n;

    /* One counter for both sides of the diamond: 1, then 2. */
    CHECK(wasm_runtime_init());
    wasm_runtime_set_module_reader(read_module, destroy_module);
    CHECK((module = load("diamond")));
    CHECK(wasm_runtime_get_import_count(module) == 2 && wasm_runtime_get_export_count(module) == 1);
    wasm_runtime_get_import_type(module, 1, &import);
    CHECK_TEXT(import.module_name, "right");
    CHECK_TEXT(import.name, "next");
    CHECK(import.kind == WASM_IMPORT_EXPORT_KIND_FUNC && import.linked);
    CHECK(wasm_func_type_get_result_count(import.u.func_type) == 1);
    CHECK(wasm_func_type_get_result_valkind(import.u.func_type, 0) == WASM_I32);
    CHECK(wasm_func_type_get_result_valkind(import.u.func_type, 1) == (wasm_valkind_t)-1);
    wasm_runtime_get_import_type(module, -1, &import);
    wasm_runtime_get_import_type(module, 2, &import);
    wasm_runtime_get_export_type(module, 0, &export_);
    CHECK_TEXT(export_.name, "count");
    CHECK(wasm_runtime_get_import_count(NULL) == -1);
    CHECK((inst = instantiate(module)));
    CHECK(wasm_application_execute_func(inst, "count", 0, NULL));

    /* main with arguments, whose block is freed again. */
    CHECK((module = load("main")));
    CHECK((inst = instantiate(module)));
    argv[0] = a, argv[1] = b, argv[2] = NULL;
    CHECK(wasm_application_execute_main(inst, 2, argv));
    memcpy(&n, argv, sizeof(n));
    CHECK(n == 4);
    CHECK((env = wasm_runtime_get_exec_env_singleton(inst)));
    CHECK(wasm_runtime_call_wasm(env, wasm_runtime_lookup_function(inst, "count"), 0, cells) && cells[0] == 1);
    wasm_runtime_destroy_exec_env(env);
    CHECK(env == wasm_runtime_get_exec_env_singleton(inst));
    printf("0x%x:i32\n", (unsigned)n);
    fflush(stdout);

    /* A command that ends itself: a success, and its exit code. */
    CHECK((module = load("wasi")));
    argv[0] = w;
    wasm_runtime_set_wasi_args(module, NULL, 0, NULL, 0, NULL, 0, argv, 1);
    CHECK((inst = instantiate(module)));
    CHECK(wasm_runtime_is_wasi_mode(inst) && wasm_runtime_lookup_wasi_start_function(inst));
    CHECK(wasm_application_execute_main(inst, 0, NULL));
    CHECK(wasm_runtime_get_wasi_exit_code(inst) == 7 && !wasm_runtime_get_exception(inst));
    {
        const char *dirs[] = { "/no/such/directory" };
        wasm_runtime_set_wasi_args_ex(module, dirs, 1, NULL, 0, NULL, 0, NULL, 0, -1, -1, -1);
        CHECK(!instantiate(module) && strstr(error_buf, "/no/such/directory"));
    }

    /* Loaded first, linked later. */
    {
        LoadArgs load_args;
        uint8_t *buffer;
        uint32_t size;
        memset(&load_args, 0, sizeof(load_args));
        load_args.no_resolve = true;
        n = reads;
        CHECK(read_module("mC", &buffer, &size));
        CHECK((module = wasm_runtime_load_ex(buffer, size, &load_args, error_buf, sizeof(error_buf))));
        wasm_runtime_free(buffer);
        CHECK(!wasm_runtime_find_module_registered("mA"));
        CHECK(wasm_runtime_is_underlying_binary_freeable(module));
        CHECK((inst = instantiate(module)));
        CHECK(wasm_runtime_find_module_registered("mA") && reads == n + 3);
        CHECK(wasm_runtime_resolve_symbols(module) && !wasm_runtime_resolve_symbols(NULL));
        reads--;
    }

    /* A start function that traps. */
    CHECK((module = load("traps")));
    CHECK(!instantiate(module));
    CHECK_TEXT(error_buf, "WASM module instantiate failed: unreachable");
    wasm_runtime_destroy();
    CHECK(reads == destroyed && reads == 5);

    /* The pool is the pool: what does not fit is refused, what is there works on. */
    memset(&args, 0, sizeof(args));
    args.mem_alloc_type = Alloc_With_Pool;
    args.mem_alloc_option.pool.heap_buf = pool;
    args.mem_alloc_option.pool.heap_size = sizeof(pool);
    CHECK(wasm_runtime_full_init(&args));
    wasm_runtime_set_module_reader(read_module, destroy_module);
    CHECK((module = load("sums")));
    CHECK((inst = instantiate(module)));
    CHECK(instantiate(module));
    CHECK((memory = wasm_runtime_get_default_memory(inst)));
    CHECK((char *)wasm_memory_get_base_address(memory) >= pool);
    CHECK((char *)wasm_memory_get_base_address(memory) + 65536 <= pool + sizeof(pool));
    CHECK(memory == wasm_runtime_get_memory(inst, 0) && memory == wasm_runtime_lookup_memory(inst, "memory"));
    CHECK(!wasm_runtime_get_memory(inst, 1) && !wasm_runtime_lookup_memory(inst, "other"));
    CHECK(wasm_memory_enlarge(memory, 1) && wasm_memory_get_cur_page_count(memory) == 2);
    CHECK(wasm_memory_get_bytes_per_page(memory) == 65536 && wasm_memory_get_max_page_count(memory) == 65536);
    CHECK(!wasm_memory_enlarge(memory, 16) && !wasm_memory_get_shared(memory));
    CHECK(wasm_runtime_enlarge_memory(inst, 1) && wasm_memory_get_cur_page_count(memory) == 3);
    CHECK(!wasm_runtime_malloc(1 << 20));
    CHECK((module = load("big")));
    CHECK(!instantiate(module));
    CHECK(strstr(error_buf, "1048576 bytes"));
    wasm_runtime_destroy();

    /* A limit for memories. */
    CHECK(wasm_runtime_init());
    CHECK((module = load("big")));
    memset(&inst_args, 0, sizeof(inst_args));
    inst_args.default_stack_size = 8192;
    inst_args.max_memory_pages = 201;
    CHECK((inst = wasm_runtime_instantiate_ex(module, &inst_args, error_buf, sizeof(error_buf))));
    CHECK(wasm_runtime_enlarge_memory(inst, 1) && !wasm_runtime_enlarge_memory(inst, 1));
    wasm_runtime_destroy();

    /* The program's own allocator. */
    memset(&args, 0, sizeof(args));
    args.mem_alloc_type = Alloc_With_Allocator;
    {
        void *(*allocate)(unsigned int) = count_malloc;
        void (*release)(void *) = count_free;
        memcpy(&args.mem_alloc_option.allocator.malloc_func, &allocate, sizeof(allocate));
        memcpy(&args.mem_alloc_option.allocator.free_func, &release, sizeof(release));
    }
    CHECK(wasm_runtime_full_init(&args));
    {
        char *block = (char *)wasm_runtime_malloc(10);
        CHECK(block && allocated == 1);
        strcpy(block, "123456789");
        CHECK((block = (char *)wasm_runtime_realloc(block, 20)) && allocated == 1);
        CHECK_TEXT(block, "123456789");
        wasm_runtime_free(block);
        CHECK(allocated == 0);
    }
    wasm_runtime_destroy();

    /* Two instances in two threads. */
    CHECK(wasm_runtime_init());
    CHECK((module = load("sums")));
    CHECK((inst = instantiate(module)) && (other = instantiate(module)));
    CHECK(!pthread_create(&one, NULL, in_a_thread, inst) && !pthread_create(&two, NULL, in_a_thread, other));
    CHECK(!pthread_join(one, NULL) && !pthread_join(two, NULL));
    wasm_runtime_destroy();
    return 0;
}
