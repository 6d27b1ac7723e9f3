# shellcheck shell=sh
# The environment under which the tests run: the Khronos validation layer in every Vulkan program, with core
# and synchronisation validation, and every message printed. Sourced, with `tools` set (common.sh). Tried with
# the layer's versions 1.4.309, 1.4.352 and 1.4.364.

# The loader adds the layer to each instance. (It says so through a debug messenger, as a *warning* of type
# "general" whose message name is "Loader Message": that one is no complaint.)
export VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation
# Hazards between commands and between submissions.
export VK_LAYER_VALIDATE_SYNC=1
# Without this the layer sees copies and fills only: no read or write that a *shader* makes through a
# descriptor, which is all that Lemnos does. (Even with it, accesses by atomics and through buffer addresses
# are not seen.)
export VK_LAYER_SYNCVAL_SHADER_ACCESSES_HEURISTIC=1
# Errors and warnings go to the standard output ("Validation Error: [ …"), even where a program has a debug
# messenger of its own (by default the layer prints only where there is none). scripts/test looks for them.
export VK_LAYER_DEBUG_ACTION=VK_DBG_LAYER_ACTION_LOG_MSG
export VK_LAYER_REPORT_FLAGS=error,warn,perf

# Debian 12: the layer that scripts/setup unpacked, and no other. Elsewhere the loader finds the installed
# one.
if [ -e "${tools:?}/layers/VkLayer_khronos_validation.json" ]; then
    export VK_LAYER_PATH="$tools/layers"
fi
