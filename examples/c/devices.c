/* Prints the library's version and the Vulkan devices of this machine. */
#include <lemnos/lemnos.h>

#include <stdio.h>

int main(void) {
    lem_text *devices = NULL;
    const lem_result result = lem_devices_json(&devices);
    printf("%s\n", lem_build_info());
    if (result == LEM_ERROR_NO_DEVICE) {
        printf("%s\n", lem_last_error());
        return 0;
    }
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", lem_result_name(result), lem_last_error());
        return 1;
    }
    printf("%s\n", lem_text_data(devices));
    lem_text_release(devices);
    return 0;
}
