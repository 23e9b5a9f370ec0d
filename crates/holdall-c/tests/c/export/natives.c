/* Native functions: what they get, what they may do, and how they end their guests. */

#include "check.h"

static int attachment = 7;
static wasm_module_inst_t root;
static wasm_function_inst_t back;
static wasm_exec_env_t outer;

static int32_t
sum(wasm_exec_env_t env, uint8_t *bytes, int32_t len, const char *text)
{
    int32_t i, total = 0;
    for (i = 0; i < len; i++)
        total += bytes[i];
    CHECK(*(int *)wasm_runtime_get_function_attachment(env) == 7);
    CHECK(wasm_runtime_get_user_data(env) == &attachment);
    CHECK(env == outer);
    return total * 100 + (int32_t)strlen(text);
}

/* Calls its guest again, deeper and deeper. */
static int32_t
again(wasm_exec_env_t env, int32_t n)
{
    uint32_t argv[1];
    argv[0] = (uint32_t)n - 1;
    if (n <= 0)
        return 0;
    CHECK(wasm_runtime_get_module_inst(env) == root);
    if (!wasm_runtime_call_wasm(env, back, 1, argv))
        return -1;
    return (int32_t)argv[0] + n;
}

static void
refuse(wasm_exec_env_t env)
{
    wasm_module_inst_t module_inst = get_module_inst(env);
    wasm_runtime_set_exception(module_inst, "not today");
    CHECK(!wasm_runtime_call_wasm(env, back, 1, NULL));
    CHECK(addr_app_to_native(0) && validate_app_addr(0, 1) && addr_native_to_app(addr_app_to_native(9)) == 9);
}

/* Ends its own instance in the midst of a call. */
static int32_t
destroy(wasm_exec_env_t env)
{
    wasm_runtime_destroy();
    CHECK(wasm_runtime_get_module_inst(env) == root);
    wasm_runtime_deinstantiate(root);
    CHECK(!wasm_runtime_get_module_inst(env));
    CHECK(!wasm_runtime_call_wasm(env, back, 1, NULL));
    return 5;
}

static void
raw_mul(wasm_exec_env_t env, uint64_t *args)
{
    native_raw_return_type(int64_t, args);
    native_raw_get_arg(int32_t, a, args);
    native_raw_get_arg(int64_t, b, args);
    native_raw_get_arg(char *, text, args);
    (void)env;
    native_raw_set_return(a * b + (text ? (int64_t)strlen(text) : 0));
}

/* Memory that grows under the function's feet: the block is the guest's. */
static uint32_t
room(wasm_exec_env_t env, uint32_t size)
{
    wasm_module_inst_t module_inst = get_module_inst(env);
    char *native;
    uint64_t block = module_malloc(size, (void **)&native);
    if (block)
        memset(native, 'r', size);
    return (uint32_t)block;
}

static float half(wasm_exec_env_t env, float x) { (void)env; return x / 2; }

static int ended = 0;
static void end_context(wasm_module_inst_t inst, void *context)
{
    CHECK(wasm_runtime_get_custom_data(inst) == context);
    ended++;
}

int
main(void)
{
    static NativeSymbol symbols[] = {
        EXPORT_WASM_API_WITH_ATT(sum, "(*~$)i", &attachment),
        EXPORT_WASM_API_WITH_SIG(again, "(i)i"),
        EXPORT_WASM_API_WITH_SIG(refuse, "()"),
        EXPORT_WASM_API_WITH_SIG(destroy, "()i"),
        EXPORT_WASM_API_WITH_SIG(room, "(i)i"),
        /* The module says its type. */
        EXPORT_WASM_API(half),
    };
    static NativeSymbol raw[] = { EXPORT_WASM_API_WITH_SIG(raw_mul, "(iI$)I") };
    static const uint32_t count = sizeof(symbols) / sizeof(symbols[0]);
    RuntimeInitArgs args;
    wasm_module_t module;
    wasm_function_inst_t func;
    uint32_t argv[8];
    void *key;
    uint64_t block;
    char *native;

    memset(&args, 0, sizeof(args));
    args.mem_alloc_type = Alloc_With_System_Allocator;
    args.native_module_name = "env";
    args.native_symbols = symbols;
    args.n_native_symbols = count;
    CHECK(wasm_runtime_full_init(&args));
    CHECK(wasm_runtime_register_natives_raw("raw", raw, 1));
    wasm_runtime_set_module_reader(read_module, destroy_module);
    if (!(module = load("natives"))) {
        fprintf(stderr, "%s\n", error_buf);
        return 1;
    }
    CHECK((root = instantiate(module)));
    CHECK((outer = wasm_runtime_create_exec_env(root, 8192)));
    wasm_runtime_set_user_data(outer, &attachment);
    CHECK((back = wasm_runtime_lookup_function(root, "again")));
    CHECK((key = wasm_runtime_create_context_key(end_context)));
    wasm_runtime_set_custom_data(root, &attachment);
    wasm_runtime_set_context(root, key, &attachment);
    CHECK(wasm_runtime_get_context(root, key) == &attachment);

    CHECK((func = wasm_runtime_lookup_function(root, "sum")));
    argv[0] = 16, argv[1] = 3, argv[2] = 32;
    CHECK(wasm_runtime_call_wasm(outer, func, 3, argv) && argv[0] == 605);
    /* All of the memory, and one byte more. */
    argv[0] = 0, argv[1] = 65536, argv[2] = 32;
    CHECK(wasm_runtime_call_wasm(outer, func, 3, argv));
    argv[0] = 1, argv[1] = 65536, argv[2] = 32;
    CHECK(!wasm_runtime_call_wasm(outer, func, 3, argv));
    CHECK_TEXT(wasm_runtime_get_exception(root), "Exception: out of bounds memory access");
    argv[0] = 0, argv[1] = 0xffffffff, argv[2] = 32;
    CHECK(!wasm_runtime_call_wasm(outer, func, 3, argv));
    argv[0] = 0, argv[1] = 0, argv[2] = 65536;
    CHECK(!wasm_runtime_call_wasm(outer, func, 3, argv));
    /* No zero byte before the end. */
    argv[0] = 0, argv[1] = 0, argv[2] = 65530;
    CHECK(!wasm_runtime_call_wasm(outer, func, 3, argv));

    argv[0] = 99;
    CHECK(wasm_runtime_call_wasm(outer, back, 1, argv) && argv[0] == 4950);
    /* Deeper than is allowed: an exception, all the way up. */
    argv[0] = 1000000;
    CHECK(!wasm_runtime_call_wasm(outer, back, 1, argv));
    CHECK_TEXT(wasm_runtime_get_exception(root), "Exception: call stack exhausted");

    CHECK((func = wasm_runtime_lookup_function(root, "refuse")));
    CHECK(!wasm_runtime_call_wasm(outer, func, 0, argv));
    CHECK_TEXT(wasm_runtime_get_exception(root), "Exception: not today");

    CHECK((func = wasm_runtime_lookup_function(root, "mul")));
    argv[0] = (uint32_t)-3, argv[1] = 5, argv[2] = 1, argv[3] = 32;
    CHECK(wasm_runtime_call_wasm(outer, func, 4, argv));
    CHECK((int64_t)((uint64_t)argv[1] << 32 | argv[0]) == -3 * ((int64_t)1 << 32 | 5) + 5);

    CHECK((func = wasm_runtime_lookup_function(root, "half")));
    {
        float x = 5;
        memcpy(argv, &x, 4);
        CHECK(wasm_runtime_call_wasm(outer, func, 1, argv));
        memcpy(&x, argv, 4);
        CHECK(x == 2.5f);
    }

    /* A native function that the guest exports again, called from here. */
    CHECK((func = wasm_runtime_lookup_function(root, "native_half")));
    CHECK(wasm_runtime_call_wasm(outer, func, 1, argv));

    /* Blocks in the guest's memory. */
    CHECK((func = wasm_runtime_lookup_function(root, "room")));
    argv[0] = 100;
    CHECK(wasm_runtime_call_wasm(outer, func, 1, argv) && argv[0] >= 65536);
    CHECK(*(char *)wasm_runtime_addr_app_to_native(root, argv[0]) == 'r');
    CHECK((block = wasm_runtime_module_dup_data(root, "hello", 6)));
    CHECK_TEXT((char *)wasm_runtime_addr_app_to_native(root, block), "hello");
    wasm_runtime_module_free(root, block);
    CHECK(wasm_runtime_module_malloc(root, 6, (void **)&native) == block);
    CHECK(native == (char *)wasm_runtime_addr_app_to_native(root, block));
    CHECK(!wasm_runtime_module_malloc(root, 1 << 20, (void **)&native) && !native);
    CHECK_TEXT(wasm_runtime_get_exception(root), "Exception: allocate memory failed");

    /* By the table, as compilers number functions. */
    argv[0] = 4;
    CHECK(wasm_runtime_call_indirect(outer, 1, 1, argv) && argv[0] == 10);
    CHECK(!wasm_runtime_call_indirect(outer, 0, 1, argv));
    CHECK_TEXT(wasm_runtime_get_exception(root), "Exception: uninitialized element");
    CHECK(!wasm_runtime_call_indirect(outer, 99, 1, argv));
    CHECK_TEXT(wasm_runtime_get_exception(root), "Exception: undefined element");

    wasm_runtime_set_log_level(WASM_LOG_LEVEL_FATAL);
    CHECK(ended == 0);
    CHECK((func = wasm_runtime_lookup_function(root, "destroy")));
    CHECK(wasm_runtime_call_wasm(outer, func, 0, argv) && argv[0] == 6);
    CHECK(ended == 1);
    CHECK(!wasm_runtime_get_module_inst(outer));

    CHECK(wasm_runtime_unregister_natives("env", symbols));
    CHECK(!wasm_runtime_unregister_natives("env", symbols));
    CHECK(!load("natives"));
    wasm_runtime_destroy_context_key(key);
    wasm_runtime_destroy();
    puts("natives");
    return 0;
}
