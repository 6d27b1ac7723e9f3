/* What a user's program does first: opens a device, builds a small MobileNetV2 and makes one train step with it, by the C
 * API alone. It says "done" once the step is finished. The suite first_use measures it from the outside. */
#include <lemnos/lemnos.h>

#include <stdio.h>
#include <stdlib.h>

enum { IMAGES = 32, SIZE = 28, CLASSES = 10 };

static void check(lem_result result) {
    if (result < 0) {
        fprintf(stderr, "lemnos_first_step: %s\n", lem_last_error());
        exit(1);
    }
}

int main(int argc, char **argv) {
    lem_device_desc desc = LEM_DEVICE_DESC_INIT;
    lem_device *device;
    lem_model *model;
    lem_dataset *dataset;
    lem_optimizer *optimizer;
    lem_schedule *schedule;
    lem_trainer *trainer;
    lem_progress progress = LEM_PROGRESS_INIT;
    static unsigned char pixels[IMAGES * SIZE * SIZE];
    int32_t labels[IMAGES];
    unsigned state = 1;
    int i;
    for (i = 0; i < (int)sizeof pixels; ++i) pixels[i] = (unsigned char)((state = state * 1664525u + 1013904223u) >> 24);
    for (i = 0; i < IMAGES; ++i) labels[i] = i % CLASSES;
    if (argc > 1) desc.wanted = argv[1];
    check(lem_device_open(&desc, &device));
    check(lem_model_build(device, "mobilenet_v2", "{\"preset\": \"small28\", \"width\": 0.35, \"channels\": 1, \"classes\": 10}", 1, &model));
    check(lem_dataset_create(pixels, (int64_t)sizeof pixels, labels, IMAGES, SIZE, SIZE, 1, CLASSES, &dataset));
    check(lem_optimizer_create("sgd", "{\"rate\": 0.01}", &optimizer));
    check(lem_schedule_create("constant", NULL, &schedule));
    check(lem_trainer_create(model, dataset, optimizer, schedule, "{\"batch\": 32}", &trainer));
    check(lem_trainer_step(trainer));
    check(lem_trainer_progress(trainer, 1, &progress));
    puts("done");
    fflush(stdout);
    lem_trainer_release(trainer);
    lem_schedule_release(schedule);
    lem_optimizer_release(optimizer);
    lem_dataset_release(dataset);
    lem_model_release(model);
    lem_device_release(device);
    return 0;
}
