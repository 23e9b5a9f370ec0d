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
*/
