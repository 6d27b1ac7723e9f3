// The Vulkan Memory Allocator, with its functions fetched at run time from our own tables.
#pragma once

#include "vulkan/api.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#include <vk_mem_alloc.h>
#pragma GCC diagnostic pop
