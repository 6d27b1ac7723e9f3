// The one translation unit that holds the allocator's code.
#define VMA_IMPLEMENTATION
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#include "vulkan/memory.h"
