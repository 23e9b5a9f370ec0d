// mC: the root of the multi-module example, and a diamond: it reaches mA both directly and through
// mB, so that one instance of mA serves both.

#define FROM(module, name) __attribute__((import_module(module), import_name(name)))

FROM("mA", "A") extern int A(void);
FROM("mB", "B") extern int B(void);

int C(void) {
    return 12;
}

int call_A(void) {
    return A();
}

int call_B(void) {
    return B();
}
