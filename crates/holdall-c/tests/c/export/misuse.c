/* Null, wrong handles, wrong arguments, buffers that are too small: answers, and no crash. */

#include "check.h"

static int answer(wasm_exec_env_t env) { (void)env; return 42; }

int
main(void)
{
    static NativeSymbol good[] = { EXPORT_WASM_API_WITH_SIG(answer, "()i") };
    static NativeSymbol bad[] = { EXPORT_WASM_API_WITH_SIG(answer, "(x)i") };
    static NativeSymbol none[] = { { "answer", NULL, "()i", NULL } };
    RuntimeInitArgs args;
    wasm_module_t module;
    wasm_module_inst_t inst, other;
    wasm_exec_env_t env, foreign;
    wasm_function_inst_t add, wide;
    wasm_val_t values[3], results[2];
    uint32_t argv[8], n, size = 0;
    char small[16], *block, *text_args[2];
    wasm_valkind_t kinds[4];
    void *address;

    wasm_runtime_set_log_level(WASM_LOG_LEVEL_FATAL);

    /* Before there is a runtime. */
    CHECK(!wasm_runtime_full_init(NULL));
    memset(&args, 0, sizeof(args));
    CHECK(!wasm_runtime_full_init(&args));
    args.mem_alloc_type = Alloc_With_Allocator;
    CHECK(!wasm_runtime_full_init(&args));
    memset(&args.mem_alloc_type, 0x7f, sizeof(args.mem_alloc_type));
    CHECK(!wasm_runtime_full_init(&args));
    memset(small, 'x', sizeof(small));
    CHECK(!wasm_runtime_load((uint8_t *)small, 8, small, sizeof(small)));
    CHECK_TEXT(small, "WASM module loa");
    CHECK(!wasm_runtime_load((uint8_t *)small, 8, NULL, 0));
    CHECK(!wasm_runtime_load(NULL, 8, error_buf, sizeof(error_buf)));
    CHECK_TEXT(error_buf, "WASM module load failed: buf is null");
    wasm_runtime_set_module_reader(read_module, destroy_module);
    CHECK(!wasm_runtime_find_module_registered("mA"));
    CHECK(!wasm_runtime_register_module(NULL, NULL, error_buf, 1) && error_buf[0] == 0);
    wasm_runtime_destroy();

    /* Memory of the system, before and after. */
    CHECK((block = (char *)wasm_runtime_malloc(10)));
    CHECK((block = (char *)wasm_runtime_realloc(block, 1000)));
    memset(block, 1, 1000);
    wasm_runtime_free(block);
    wasm_runtime_free(block);
    wasm_runtime_free(small);
    wasm_runtime_free(NULL);
    CHECK(!wasm_runtime_malloc(0));
    CHECK(!wasm_runtime_realloc(small, 10));
    CHECK(!bh_read_file_to_buffer("no such file", &size));
    CHECK(!bh_read_file_to_buffer(NULL, &size));
    CHECK(!bh_read_file_to_buffer("wrong.wasm", NULL));

    CHECK(wasm_runtime_init());
    wasm_runtime_set_module_reader(read_module, destroy_module);
    CHECK(!wasm_runtime_register_natives("env", bad, 1));
    CHECK(!wasm_runtime_register_natives("env", none, 1));
    CHECK(!wasm_runtime_register_natives(NULL, good, 1));
    CHECK(!wasm_runtime_register_natives("env", NULL, 1));
    CHECK(!wasm_runtime_is_import_func_linked("env", "answer"));
    CHECK(wasm_runtime_register_natives("env", good, 1));
    CHECK(wasm_runtime_is_import_func_linked("env", "answer"));
    CHECK(!wasm_runtime_is_import_func_linked("env", NULL));

    /* Bytes that are no module; error buffers of every size. */
    for (n = 0; n <= 60; n++) {
        char *room = (char *)malloc(n ? n : 1);
        CHECK(!wasm_runtime_load((uint8_t *)"\0asm\2\0\0\0", 8, room, n));
        CHECK(n == 0 || memchr(room, 0, n));
        free(room);
    }
    CHECK(!wasm_runtime_load((uint8_t *)"\0aot\1\0\0\0", 8, error_buf, sizeof(error_buf)));
    CHECK(strstr(error_buf, "compiled ahead of time"));
    CHECK(get_package_type((const uint8_t *)"\0asm", 4) == Wasm_Module_Bytecode);
    CHECK(get_package_type((const uint8_t *)"\0asm", 3) == Package_Type_Unknown);
    CHECK(get_package_type(NULL, 3) == Package_Type_Unknown);

    /* Imports that there are not. */
    CHECK(!load("missing"));
    CHECK(strstr(error_buf, "WASM module load failed: ") && strstr(error_buf, "nowhere"));
    CHECK(!load("circle"));
    CHECK(strstr(error_buf, "circle"));

    CHECK((module = load("sums")));
    CHECK((inst = instantiate(module)));
    CHECK((other = instantiate(module)));
    CHECK(!instantiate((wasm_module_t)(uintptr_t)inst));
    CHECK(!instantiate(NULL));
    CHECK(!wasm_runtime_instantiate_ex(module, NULL, error_buf, sizeof(error_buf)));
    CHECK(!wasm_runtime_create_exec_env(inst, 0));
    CHECK(!wasm_runtime_create_exec_env(NULL, 100));
    CHECK((env = wasm_runtime_create_exec_env(inst, 100)));
    CHECK((foreign = wasm_runtime_create_exec_env(other, 100)));
    CHECK(!wasm_runtime_lookup_function(inst, "nothing"));
    CHECK(!wasm_runtime_lookup_function(inst, NULL));
    CHECK(!wasm_runtime_lookup_function(inst, "\xff"));
    CHECK(!wasm_runtime_lookup_function(inst, "$sums"));
    CHECK(!wasm_runtime_lookup_function(NULL, "add"));
    CHECK((add = wasm_runtime_lookup_function(inst, "add")));
    CHECK(add == wasm_runtime_lookup_function(inst, "add", NULL));
    CHECK(add == wasm_runtime_lookup_function(inst, "add", "(ii)i"));
    CHECK(add == wasm_runtime_lookup_function(inst, "add", "(i32 i32)i32"));
    CHECK(!wasm_runtime_lookup_function(inst, "add", "(iI)i"));
    CHECK(!wasm_runtime_lookup_function(inst, "add", "(ii)"));
    /* The symbol itself takes two arguments. */
    CHECK(add == (wasm_runtime_lookup_function)(inst, "add"));

    /* Calls. */
    argv[0] = 40, argv[1] = 2;
    CHECK(wasm_runtime_call_wasm(env, add, 2, argv) && argv[0] == 42);
    CHECK(!wasm_runtime_get_exception(inst));
    CHECK(!wasm_runtime_call_wasm(env, add, 1, argv));
    CHECK_TEXT(wasm_runtime_get_exception(inst),
               "Exception: invalid argument count 1, must be no smaller than 2");
    CHECK(!wasm_runtime_call_wasm(env, add, 2, NULL));
    CHECK_TEXT(wasm_runtime_get_exception(inst), "Exception: argv is null");
    CHECK(!wasm_runtime_call_wasm(foreign, add, 2, argv));
    CHECK_TEXT(wasm_runtime_get_exception(other),
               "Exception: the function is of another instance than the execution environment");
    CHECK(!wasm_runtime_call_wasm(env, NULL, 2, argv));
    CHECK(!wasm_runtime_call_wasm(NULL, add, 2, argv));
    CHECK(!wasm_runtime_call_wasm((wasm_exec_env_t)(uintptr_t)add, add, 2, argv));
    CHECK(!wasm_runtime_call_wasm((wasm_exec_env_t)(uintptr_t)0x1234567, add, 2, argv));
    wasm_runtime_clear_exception(inst);
    CHECK(!wasm_runtime_get_exception(inst));

    memset(values, 0, sizeof(values));
    values[0].kind = values[1].kind = WASM_I32;
    values[0].of.i32 = -1, values[1].of.i32 = -2;
    CHECK(wasm_runtime_call_wasm_a(env, add, 1, results, 2, values));
    CHECK(results[0].kind == WASM_I32 && results[0].of.i32 == -3);
    CHECK(!wasm_runtime_call_wasm_a(env, add, 2, results, 2, values));
    CHECK_TEXT(wasm_runtime_get_exception(inst), "Exception: invalid result count: expected 1, found 2");
    CHECK(!wasm_runtime_call_wasm_a(env, add, 1, results, 3, values));
    CHECK(!wasm_runtime_call_wasm_a(env, add, 1, NULL, 2, values));
    CHECK(!wasm_runtime_call_wasm_a(env, add, 1, results, 2, NULL));
    values[1].kind = WASM_F64;
    CHECK(!wasm_runtime_call_wasm_a(env, add, 1, results, 2, values));
    CHECK_TEXT(wasm_runtime_get_exception(inst), "Exception: invalid argument 1: expected i32, found kind 3");

    CHECK((wide = wasm_runtime_lookup_function(inst, "wide")));
    CHECK(wasm_func_get_param_count(wide, inst) == 4 && wasm_func_get_result_count(wide, inst) == 2);
    wasm_func_get_param_types(wide, inst, kinds);
    CHECK(kinds[0] == WASM_I64 && kinds[1] == WASM_F32 && kinds[2] == WASM_F64 && kinds[3] == WASM_I32);
    wasm_func_get_result_types(wide, inst, kinds);
    CHECK(kinds[0] == WASM_F64 && kinds[1] == WASM_I64);
    wasm_func_get_result_types(wide, inst, NULL);
    CHECK(wasm_func_get_param_count(NULL, inst) == 0);
    CHECK(wasm_runtime_call_wasm_v(env, wide, 2, results, 4, (int64_t)1 << 40, 0.5, 0.25, 7));
    CHECK(results[0].of.f64 == 0.75 && results[1].of.i64 == ((int64_t)1 << 40) + 7);
    CHECK(!wasm_runtime_call_wasm_v(env, wide, 2, results, 3, (int64_t)1, 0.5, 0.25));
    CHECK_TEXT(wasm_runtime_get_exception(inst), "Exception: invalid argument count: expected 4, found 3");

    /* Texts of traps, and of calls with texts. */
    CHECK(!wasm_application_execute_func(inst, "trap", 0, NULL));
    CHECK_TEXT(wasm_runtime_get_exception(inst), "Exception: unreachable");
    CHECK(wasm_runtime_get_call_stack_buf_size(env) > 5);
    CHECK(wasm_runtime_dump_call_stack_to_buf(env, small, sizeof(small)) == sizeof(small));
    CHECK(small[0] == '#' && small[15] == 0);
    CHECK(!wasm_application_execute_func(inst, "divide", 0, NULL));
    CHECK(!wasm_application_execute_func(inst, "outside", 0, NULL));
    CHECK(!wasm_application_execute_func(inst, "endless", 0, NULL));
    CHECK(!wasm_application_execute_func(inst, "nothing", 0, NULL));
    CHECK(!wasm_application_execute_func(inst, NULL, 0, NULL));
    text_args[0] = small, text_args[1] = small;
    strcpy(small, "12abc");
    CHECK(!wasm_application_execute_func(inst, "add", 1, text_args));
    CHECK(!wasm_application_execute_func(inst, "add", -1, text_args));
    CHECK(!wasm_application_execute_func(inst, "add", 2, NULL));
    CHECK(!wasm_application_execute_func(inst, "add", 2, text_args));
    strcpy(small, "0x10");
    CHECK(wasm_application_execute_func(inst, "add", 2, text_args));
    CHECK(!wasm_application_execute_main(inst, 0, NULL));
    CHECK_TEXT(wasm_runtime_get_exception(inst),
               "Exception: lookup the entry point symbol (like _start, main, _main, __main_argc_argv) failed");

    /* Addresses. */
    CHECK(wasm_runtime_validate_app_addr(inst, 65535, 1) && wasm_runtime_validate_app_addr(inst, 65536, 0));
    CHECK(!wasm_runtime_validate_app_addr(inst, 65536, 1));
    CHECK_TEXT(wasm_runtime_get_exception(inst), "Exception: out of bounds memory access");
    CHECK(!wasm_runtime_validate_app_addr(inst, UINT64_MAX, 2));
    CHECK(!wasm_runtime_validate_app_str_addr(inst, 65535));
    CHECK(wasm_runtime_validate_app_str_addr(inst, 0));
    CHECK(!wasm_runtime_addr_app_to_native(inst, 65536) && !wasm_runtime_addr_app_to_native(inst, UINT64_MAX));
    CHECK((address = wasm_runtime_addr_app_to_native(inst, 100)));
    CHECK(wasm_runtime_addr_native_to_app(inst, address) == 100);
    CHECK(wasm_runtime_addr_native_to_app(inst, small) == 0);
    CHECK(wasm_runtime_validate_native_addr(inst, address, 65436));
    CHECK(!wasm_runtime_validate_native_addr(inst, address, 65437));
    CHECK(!wasm_runtime_validate_native_addr(inst, small, 1));
    CHECK(!wasm_memory_get_base_address(NULL) && !wasm_memory_enlarge(NULL, 1));

    /* What is gone is gone. */
    wasm_runtime_deinstantiate(inst);
    wasm_runtime_deinstantiate(inst);
    CHECK(!wasm_runtime_call_wasm(env, add, 2, argv));
    CHECK(!wasm_runtime_get_exception(inst) && !wasm_runtime_get_module(inst));
    CHECK(!wasm_application_execute_func(inst, "add", 0, NULL));
    CHECK(!wasm_runtime_module_malloc(inst, 1, NULL));
    wasm_runtime_destroy_exec_env(env);
    wasm_runtime_destroy_exec_env(NULL);
    wasm_runtime_unload(NULL);
    wasm_runtime_destroy();
    CHECK(destroyed == reads);
    return 0;
}
