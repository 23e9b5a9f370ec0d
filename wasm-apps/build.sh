#!/usr/bin/env bash
# Builds the guests from their C sources with clang and lld.
#
#   wasm-apps/build.sh                   the modules of bundle/ and the kernels of wasm-apps/bench/
#   wasm-apps/build.sh --check           builds elsewhere and compares with what is committed
#   wasm-apps/build.sh --kernels O3 DIR  only the kernels, at another level of optimisation, into DIR
#
# The results are committed, so that nobody needs clang to build holdall. They are the same byte for
# byte wherever the same clang and lld build them; TOOLCHAIN records which did. Where --check finds
# others, it says so, and compares what the modules do instead of their bytes.
set -euo pipefail
here=$PWD
cd "$(dirname "$0")"

CLANG=${CLANG:-clang}
HOLDALL=${HOLDALL:-../target/release/holdall}
BUNDLE=../bundle
KERNELS=bench

need() {
    if ! command -v "$1" >/dev/null; then
        echo "wasm-apps/build.sh: needs $1 (on Debian: apt-get install clang lld)" >&2
        exit 3
    fi
}

toolchain() {
    "$CLANG" --version | head -n 1
    wasm-ld --version | head -n 1
}

# build_module SOURCE LEVEL OUTPUT COMPILE-FLAG LINK-FLAGS
#
# In two steps, because clang runs wasm-opt where it finds one if it optimises and links at once:
# the result would depend on what else is installed.
build_module() {
    local source=$1 level=$2 output=$3 compile=$4 link=$5
    local object
    object=$(mktemp --suffix=.o)
    "$CLANG" --target=wasm32 "-$level" -std=c11 -Wall -Wextra -Werror "$compile" -c -o "$object" "$source"
    "$CLANG" --target=wasm32 -nostdlib "-Wl,$link" -o "$output" "$object"
    chmod 644 "$output"
    rm "$object"
}

build_bundle() {
    local into=$1 name
    for name in mA mB mC; do
        build_module "$name.c" O2 "$into/$name.wasm" -ffreestanding --no-entry,--allow-undefined,--export-all
    done
}

# Nothing may stay undefined here: with -fno-builtin clang does not make calls to memset and the
# like of the kernels' loops.
build_kernels() {
    local level=$1 into=$2 source name
    for source in bench/*.c; do
        name=$(basename "$source" .c)
        build_module "$source" "$level" "$into/$name.wasm" -fno-builtin --no-entry
    done
}

# The bytes that clang and lld of TOOLCHAIN made.
check_bytes() {
    local fresh=$1 committed=$2 file status=0
    for file in "$fresh"/*.wasm; do
        if ! cmp "$file" "$committed/$(basename "$file")"; then
            status=1
        fi
    done
    return $status
}

# What other versions of clang and lld made: it must link and answer as the committed modules do.
check_behaviour() {
    local fresh=$1
    local calls=(--invoke C --invoke call_B --invoke call_A
        --invoke '$mB$B' --invoke '$mB$call_A' --invoke '$mA$A')
    if [[ ! -x $HOLDALL ]]; then
        echo "skipped: the modules built here are not run ($HOLDALL is not built)"
        return 0
    fi
    local committed built
    committed=$("$HOLDALL" run mC "${calls[@]}")
    built=$("$HOLDALL" run --no-bundle --module-path "$fresh" "$fresh/mC.wasm" "${calls[@]}")
    diff <(echo "$committed") <(echo "$built")
    echo "the modules built here link and answer as the committed ones do"
}

check() {
    local temporary
    temporary=$(mktemp -d)
    # shellcheck disable=SC2064 # the path of now is meant
    trap "rm -r '$temporary'" EXIT
    mkdir "$temporary/bundle" "$temporary/kernels"
    build_bundle "$temporary/bundle"
    build_kernels O2 "$temporary/kernels"
    if [[ "$(toolchain)" == "$(cat TOOLCHAIN)" ]]; then
        check_bytes "$temporary/bundle" "$BUNDLE"
        check_bytes "$temporary/kernels" "$KERNELS"
        echo "bundle/ and wasm-apps/bench/ are what their sources build, byte for byte"
    else
        echo "skipped: comparison byte for byte; the committed modules were built by"
        sed 's/^/    /' TOOLCHAIN
        echo "and here there is"
        toolchain | sed 's/^/    /'
        check_behaviour "$temporary/bundle"
    fi
}

need "$CLANG"
need wasm-ld
case ${1:-} in
"")
    mkdir -p "$BUNDLE"
    build_bundle "$BUNDLE"
    build_kernels O2 "$KERNELS"
    toolchain >TOOLCHAIN
    ;;
--check)
    check
    ;;
--kernels)
    if [[ $# -ne 3 ]]; then
        echo "usage: wasm-apps/build.sh --kernels LEVEL DIR" >&2
        exit 2
    fi
    into=$(cd "$here" && mkdir -p "$3" && cd "$3" && pwd)
    build_kernels "$2" "$into"
    ;;
*)
    echo "usage: wasm-apps/build.sh [--check | --kernels LEVEL DIR]" >&2
    exit 2
    ;;
esac
