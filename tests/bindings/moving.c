/* Bytes per second of writing and reading a tensor of 64 MB, and the time of a small call, from C. Prints numbers to which a
 * binding's are compared: for each round, write and read in bytes per second; then nanoseconds of a call.
 *
 * It waits for a line before each round and answers with one, so that the two languages take turns on the
 * same machine at the same time. */
#define _POSIX_C_SOURCE 199309L
#include <lemnos/lemnos.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void check(lem_result result) {
    if (result >= 0) return;
    fprintf(stderr, "%s: %s\n", lem_result_name(result), lem_last_error());
    exit(1);
}

int main(void) {
    enum { megabytes = 64, calls = 100000 };
    const int64_t elements = (int64_t)megabytes << 18, bytes = elements * 4;
    float *const data = malloc((size_t)bytes);
    lem_device *device = NULL;
    lem_tensor *tensor = NULL;
    char line[16];
    if (!data) return 1;
    memset(data, 1, (size_t)bytes);
    check(lem_device_open(NULL, &device));
    check(lem_tensor_create(device, LEM_DTYPE_F32, &elements, 1, &tensor));
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        double start = now(), written, read, called;
        int64_t size = 0;
        int i;
        check(lem_tensor_write(tensor, data, bytes));
        written = now();
        check(lem_tensor_read(tensor, data, bytes));
        read = now();
        for (i = 0; i < calls; ++i) check(lem_tensor_bytes(tensor, &size));
        called = now();
        printf("%.9g %.9g %.9g\n", (double)bytes / (written - start), (double)bytes / (read - written),
               1e9 * (called - read) / calls);
        fflush(stdout);
    }
    lem_tensor_release(tensor);
    lem_device_release(device);
    free(data);
    return 0;
}
