/* Refers to every exported function, so that each is declared and defined, and uses every initialiser. */
#include <lemnos/lemnos.h>

#include <stdio.h>

typedef void (*function)(void);

static const function functions[] = {
#define X(name) (function)name,
#include "symbols.inc"
#undef X
};

int main(void) {
    const lem_host host = LEM_HOST_INIT;
    const lem_device_desc desc = LEM_DEVICE_DESC_INIT;
    const lem_progress progress = LEM_PROGRESS_INIT;
    const lem_metrics metrics = LEM_METRICS_INIT;
    size_t i;
    if (host.struct_size != (int32_t)sizeof host || desc.struct_size != (int32_t)sizeof desc ||
        progress.struct_size != (int32_t)sizeof progress || metrics.struct_size != (int32_t)sizeof metrics)
        return 1;
    for (i = 0; i < sizeof functions / sizeof functions[0]; ++i)
        if (!functions[i]) return 1;
    printf("%s\n", lem_build_info());
    return 0;
}
