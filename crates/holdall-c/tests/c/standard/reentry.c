/* Host functions that do more than answer: they call back, make things, and end things while guests run. */
#include "common.h"

/* module reentry
(module
  (import "host" "down" (func $down (param i32) (result i32)))
  (import "host" "act" (func $act))
  (func (export "up") (param i32) (result i32)
    (i32.add (call $down (local.get 0)) (i32.const 1)))
  (func (export "act") (result i32) (call $act) (i32.const 5)))
*/

/* module starts
(module
  (import "host" "act" (func $act))
  (func (export "fine"))
  (start $act))
*/

typedef struct state_t {
    wasm_store_t *store;
    wasm_instance_t *instance;
    wasm_func_t *up;
    wasm_func_t *act;
    wasm_func_t *down;
    wasm_func_t *acting;
    int what;
    int ended;
} state_t;

/* Calls the guest again until there is nothing left, and gives how deep it was. */
static wasm_trap_t *down(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    state_t *state = (state_t *)env;
    if (args->data[0].of.i32 == 0) {
        results->data[0].of.i32 = 0;
        return NULL;
    }
    if (args->data[0].of.i32 == 1000) {
        return trap_with(state->store, "deep down");
    }
    {
        wasm_val_t again[] = {WASM_I32_VAL(args->data[0].of.i32 - 1)};
        return call(state->up, 1, again, 1, results->data);
    }
}

static void end(void *env)
{
    ((state_t *)env)->ended++;
}

static wasm_trap_t *act(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    state_t *state = (state_t *)env;
    (void)args;
    (void)results;
    switch (state->what) {
    case 0: {
        /* Another instance of the same module, called and let go. */
        wasm_extern_t *imports[] = {wasm_func_as_extern(state->down), wasm_func_as_extern(state->acting)};
        wasm_instance_t *instance = instance_with(state->store, "reentry", imports, 2);
        wasm_func_t *up = func_of(instance, 0);
        printf("another instance: %" PRId32 "\n", call_1(up, 3));
        wasm_func_delete(up);
        wasm_instance_delete(instance);
        return NULL;
    }
    case 1:
        /* All handles of what runs. */
        wasm_func_delete(state->act);
        wasm_func_delete(state->up);
        wasm_func_delete(state->acting);
        wasm_func_delete(state->down);
        wasm_instance_delete(state->instance);
        state->act = state->up = state->acting = state->down = NULL;
        state->instance = NULL;
        return NULL;
    default:
        /* The store, too. */
        wasm_store_delete(state->store);
        CHECK(state->ended == 0);
        /* What is in the store goes on until the outermost call ends. */
        printf("still there: %" PRId32 "\n", call_1(state->up, 1));
        return NULL;
    }
}

static void start(state_t *state, wasm_engine_t *engine, int what)
{
    state->store = wasm_store_new(engine);
    state->what = what;
    state->ended = 0;
    state->down = host_func_with(state->store, "i", "i", down, state, end);
    state->acting = host_func_with(state->store, "", "", act, state, end);
    {
        wasm_extern_t *imports[] = {wasm_func_as_extern(state->down), wasm_func_as_extern(state->acting)};
        state->instance = instance_with(state->store, "reentry", imports, 2);
    }
    state->up = func_of(state->instance, 0);
    state->act = func_of(state->instance, 1);
}

static void finish(state_t *state)
{
    wasm_func_delete(state->act);
    wasm_func_delete(state->up);
    wasm_func_delete(state->acting);
    wasm_func_delete(state->down);
    wasm_instance_delete(state->instance);
}

static void act_now(state_t *state)
{
    wasm_val_t results[] = {WASM_INIT_VAL};
    wasm_trap_t *trap = call(state->act, 0, NULL, 1, results);
    if (trap == NULL) {
        printf("result %" PRId32 "\n", results[0].of.i32);
    } else {
        tell(trap);
    }
    printf("ended %d\n", state->ended);
}

/* A start function of the host's that deletes the store of the instance in the making. */
static wasm_trap_t *delete_store(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    (void)args;
    (void)results;
    wasm_store_delete((wasm_store_t *)env);
    return NULL;
}

static void at_the_start(wasm_engine_t *engine)
{
    wasm_store_t *store = wasm_store_new(engine);
    wasm_module_t *module = module_of(store, "starts");
    wasm_func_t *func = host_func_with(store, "", "", delete_store, store, NULL);
    wasm_extern_t *externs[] = {wasm_func_as_extern(func)};
    wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
    wasm_instance_t *instance = wasm_instance_new(store, module, &imports, NULL);
    wasm_extern_vec_t exports;
    wasm_instance_exports(instance, &exports);
    CHECK(exports.size == 0);
    tell(call_0(func));
    wasm_instance_delete(instance);
    wasm_func_delete(func);
    wasm_module_delete(module);
}

/* Two stores whose guests call one another through the host. */
typedef struct pair_t {
    wasm_func_t *up[2];
    int deepest;
} pair_t;

static wasm_trap_t *across(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    pair_t *pair = (pair_t *)env;
    int32_t left = args->data[0].of.i32;
    wasm_val_t next[] = {WASM_I32_VAL(left - 1)};
    pair->deepest++;
    return left == 0 ? NULL : call(pair->up[left % 2], 1, next, 1, results->data);
}

static wasm_trap_t *idle(const wasm_val_vec_t *args, wasm_val_vec_t *results)
{
    (void)args;
    (void)results;
    return NULL;
}

static void two_stores(wasm_engine_t *engine)
{
    wasm_store_t *stores[2];
    pair_t pair;
    size_t i;
    pair.deepest = 0;
    for (i = 0; i < 2; i++) {
        wasm_func_t *func;
        wasm_func_t *act_func;
        wasm_instance_t *instance;
        stores[i] = wasm_store_new(engine);
        func = host_func_with(stores[i], "i", "i", across, &pair, NULL);
        act_func = host_func(stores[i], "", "", idle);
        {
            wasm_extern_t *imports[] = {wasm_func_as_extern(func), wasm_func_as_extern(act_func)};
            instance = instance_with(stores[i], "reentry", imports, 2);
        }
        pair.up[i] = func_of(instance, 0);
        wasm_func_delete(func);
        wasm_func_delete(act_func);
        wasm_instance_delete(instance);
    }
    printf("across %" PRId32, call_1(pair.up[0], 20));
    printf(", %d calls\n", pair.deepest);
    for (i = 0; i < 2; i++) {
        wasm_func_delete(pair.up[i]);
        wasm_store_delete(stores[i]);
    }
}

/* A finalizer that uses and deletes handles of the store that ends. */
typedef struct last_t {
    wasm_func_t *func;
    wasm_foreign_t *foreign;
} last_t;

static void use_handles(void *info)
{
    last_t *last = (last_t *)info;
    tell(call_0(last->func));
    CHECK(wasm_func_type(last->func) == NULL);
    wasm_func_set_host_info(last->func, NULL);
    wasm_func_delete(last->func);
    wasm_foreign_delete(last->foreign);
    printf("finalized\n");
}

static void at_the_end(wasm_engine_t *engine)
{
    wasm_store_t *store = wasm_store_new(engine);
    last_t last;
    wasm_func_t *func = host_func(store, "", "", idle);
    last.func = wasm_func_copy(func);
    last.foreign = wasm_foreign_new(store);
    wasm_func_set_host_info_with_finalizer(func, &last, use_handles);
    wasm_func_delete(func);
    wasm_store_delete(store);
}

int main(void)
{
    wasm_engine_t *engine = wasm_engine_new();
    state_t state;
    start(&state, engine, 0);
    printf("%" PRId32 " %" PRId32 " %" PRId32 "\n", call_1(state.up, 0), call_1(state.up, 2), call_1(state.up, 40));
    /* A trap comes up through all levels. */
    call_1(state.up, 1001);
    act_now(&state);
    finish(&state);
    wasm_store_delete(state.store);
    printf("ended %d\n", state.ended);

    start(&state, engine, 1);
    act_now(&state);
    wasm_store_delete(state.store);
    printf("ended %d\n", state.ended);

    start(&state, engine, 2);
    act_now(&state);
    finish(&state);

    /* Calls that never end are ended: guest and host in turns, as deep as it goes. */
    start(&state, engine, 0);
    call_1(state.up, 1000000000);
    finish(&state);
    wasm_store_delete(state.store);

    at_the_start(engine);
    two_stores(engine);
    at_the_end(engine);
    wasm_engine_delete(engine);
    return 0;
}

/* prints
1 3 41
trap: deep down
another instance: 4
result 5
ended 0
ended 2
result 5
ended 0
ended 2
still there: 2
result 5
ended 2
trap: call stack exhausted
trap: the store was deleted
across 21, 21 calls
trap: the store was deleted
finalized
*/
