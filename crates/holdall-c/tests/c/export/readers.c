/* Readers of both types, readers that misbehave, and pools that are too small. */

#include "check.h"

static int kinds = 0;

static bool
read_by_kind(package_type_t kind, const char *name, uint8 **buffer, uint32 *size)
{
    const char *ending = NULL;
    /* As programs for WAMR choose. */
#if WASM_ENABLE_INTERP != 0
    if (kind == Wasm_Module_Bytecode)
        ending = ".wasm";
#endif
#if WASM_ENABLE_AOT != 0
    if (kind == Wasm_Module_AoT)
        ending = ".aot";
#endif
    bh_assert(ending != NULL);
    CHECK(strcmp(ending, ".wasm") == 0);
    kinds++;
    /* The library is in the midst of loading: it says so, and goes on. */
    CHECK(wasm_runtime_init());
    CHECK(!wasm_runtime_find_module_registered("mA"));
    CHECK(!wasm_runtime_load((uint8_t *)"\0asm\1\0\0\0", 8, error_buf, sizeof(error_buf)));
    wasm_runtime_destroy();
    return read_module(name, buffer, size);
}

static bool
read_nothing(const char *name, uint8_t **buffer, uint32_t *size)
{
    (void)name, (void)buffer, (void)size;
    return true;
}

static bool
read_garbage(const char *name, uint8_t **buffer, uint32_t *size)
{
    (void)name;
    *size = 16;
    *buffer = (uint8_t *)wasm_runtime_malloc(16);
    reads++;
    memcpy(*buffer, "\0asm\2\0\0\0garbage", 16);
    return true;
}

int
main(void)
{
    static char pool[200000];
    static const uint32_t sizes[] = { 0, 1, 256, 20000, 70000, 140000, 199999 };
#ifdef HOLDALL_READER_BY_KIND
    module_reader reader = read_by_kind;
#else
    holdall_reader_by_kind_t reader = read_by_kind;
#endif
    RuntimeInitArgs args;
    wasm_module_t module;
    wasm_module_inst_t inst;
    size_t i;

    wasm_runtime_set_log_level(WASM_LOG_LEVEL_FATAL);
    CHECK(wasm_runtime_init());
    wasm_runtime_set_module_reader(reader, destroy_module);
    CHECK((module = load("mC")) && kinds == 2);
    CHECK(instantiate(module));
    wasm_runtime_destroy();
    CHECK(reads == 2 && destroyed == 2);

    CHECK(wasm_runtime_init());
    CHECK(!load("mC"));
    CHECK(strstr(error_buf, "mA"));
    wasm_runtime_set_module_reader(read_nothing, destroy_module);
    CHECK(!load("mC"));
    CHECK(strstr(error_buf, "the module reader returned true and set no buffer"));
    wasm_runtime_set_module_reader(read_garbage, destroy_module);
    reads = destroyed = 0;
    CHECK(!load("mC"));
    CHECK(strstr(error_buf, "mA") && reads == 1 && destroyed == 1);
    /* Without a destroyer the program keeps its buffers. */
    wasm_runtime_set_module_reader(read_module, NULL);
    reads = destroyed = 0;
    CHECK(load("mC"));
    wasm_runtime_set_module_reader(NULL, NULL);
    wasm_runtime_destroy();
    CHECK(reads == 2 && destroyed == 0);

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        memset(&args, 0, sizeof(args));
        args.mem_alloc_type = Alloc_With_Pool;
        args.mem_alloc_option.pool.heap_buf = pool;
        args.mem_alloc_option.pool.heap_size = sizes[i];
        CHECK(wasm_runtime_full_init(&args));
        wasm_runtime_set_module_reader(read_module, destroy_module);
        error_buf[0] = 0;
        {
            static uint8_t bytes[4096];
            FILE *file = fopen("sums.wasm", "rb");
            uint32_t size = (uint32_t)fread(bytes, 1, sizeof(bytes), file);
            fclose(file);
            module = wasm_runtime_load(bytes, size, error_buf, sizeof(error_buf));
        }
        inst = module ? instantiate(module) : NULL;
        if (sizes[i] >= 140000)
            CHECK(inst && wasm_application_execute_func(inst, "divide", 0, NULL) == false);
        else
            CHECK(!inst && error_buf[0]);
        wasm_runtime_destroy();
    }
    return 0;
}
