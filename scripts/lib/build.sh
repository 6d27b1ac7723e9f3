# shellcheck shell=bash
# How scripts/test and scripts/demo build Lemnos: one Release build in build/release, described by the preset
# `release`. Sourced after common.sh.

build=${root:?}/build/release

# build_release [TARGET]
build_release() {
    say "Building in $build."
    # A first configuration takes this up; who configured the build otherwise keeps what was chosen.
    if command -v ccache >/dev/null; then
        export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
    fi
    mkdir -p "$root/build"
    cmake --preset release -S "$root" -D LEMNOS_TOOLS_DIR="${tools:?}" >"$root/build/configure.log" 2>&1 || {
        cat "$root/build/configure.log" >&2
        fail "CMake could not configure the build."
    }
    cmake --build "$build" ${1:+--target "$1"} || fail "The build failed."
}
