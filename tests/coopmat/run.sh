#!/bin/sh
# usage: run.sh TOOLS PROGRAM [ARGUMENTS…]
#
# Runs a test on the software Vulkan with cooperative matrices that scripts/setup unpacks into TOOLS/mesa26. Where it
# is missing the test is skipped, or fails with LEMNOS_REQUIRE_ORACLES=1 (scripts/test --oracles, as CI does).
tools=$1
shift
if [ ! -x "$tools/mesa26/run" ]; then
    echo "There is no software Vulkan with cooperative matrices in $tools/mesa26: scripts/setup unpacks it where a mirror carries it."
    [ "${LEMNOS_REQUIRE_ORACLES:-}" = 1 ] && exit 1
    exit 77
fi
exec "$tools/mesa26/run" "$@"
