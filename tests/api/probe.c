/* Opens the default device and prints the result's name and sentence. */
#include <lemnos/lemnos.h>

#include <stdio.h>

int main(void) {
    lem_device *device = NULL;
    lem_text *list = NULL;
    lem_result result = lem_devices_json(&list);
    printf("%s: %s\n", lem_result_name(result), lem_last_error());
    lem_text_release(list);
    result = lem_device_open(NULL, &device);
    printf("%s: %s\n", lem_result_name(result), lem_last_error());
    lem_device_release(device);
    return 0;
}
