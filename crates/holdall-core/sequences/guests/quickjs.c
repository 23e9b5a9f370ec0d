// Runs the JavaScript that is its argument, and prints its value.
#include <stdio.h>
#include <string.h>
#include "quickjs.h"
int main(int argc, char **argv) {
    JSContext *context = JS_NewContext(JS_NewRuntime());
    JSValue value = JS_Eval(context, argv[1], strlen(argv[1]), "argument", JS_EVAL_TYPE_GLOBAL);
    int threw = JS_IsException(value);
    if (threw) value = JS_GetException(context);
    puts(JS_ToCString(context, value));
    return threw;
}
