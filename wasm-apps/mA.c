// mA: the bottom of the multi-module example. It imports nothing; mB and mC import A from it.

int A(void) {
    return 10;
}
