/* Prints the Vulkan API version that a layer library says it was built for, e.g. "1.4.309".
 *
 * scripts/setup writes the manifest of a validation layer whose package has none, and a manifest must carry
 * this version: the loader compares it with the one that the application asks for. Only the library itself
 * knows it. The function and the structure are those of the Vulkan specification
 * (vkEnumerateInstanceLayerProperties); they are written out here so that the program needs no header. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct layer_properties {
    char name[256];
    uint32_t spec_version;
    uint32_t implementation_version;
    char description[256];
};

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: layer_version LIBRARY\n");
        return 2;
    }
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    int (*enumerate)(uint32_t *, struct layer_properties *);
    void *symbol = dlsym(library, "vkEnumerateInstanceLayerProperties");
    if (!symbol) {
        fprintf(stderr, "%s has no vkEnumerateInstanceLayerProperties.\n", argv[1]);
        return 1;
    }
    memcpy(&enumerate, &symbol, sizeof enumerate); /* ISO C casts no object pointer to a function pointer. */
    struct layer_properties layers[4];
    uint32_t count = 4;
    if (enumerate(&count, layers) < 0) {
        fprintf(stderr, "%s does not list its layers.\n", argv[1]);
        return 1;
    }
    for (uint32_t i = 0; i < count; ++i) {
        if (strcmp(layers[i].name, "VK_LAYER_KHRONOS_validation") != 0) continue;
        const uint32_t version = layers[i].spec_version;
        printf("%u.%u.%u\n", (version >> 22) & 0x7f, (version >> 12) & 0x3ff, version & 0xfff);
        return 0;
    }
    fprintf(stderr, "%s holds no VK_LAYER_KHRONOS_validation.\n", argv[1]);
    return 1;
}
