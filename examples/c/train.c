/* Trains a small MobileNetV2 on a folder of labelled images, tests it and writes it to a file.
 *
 *   train /usr/share/datasets/fashion-mnist fashion.safetensors
 */
#include <lemnos/lemnos.h>

#include <stdio.h>
#include <stdlib.h>

static lem_result check(lem_result result) {
    if (result >= 0) return result;
    fprintf(stderr, "%s: %s\n", lem_result_name(result), lem_last_error());
    exit(1);
}

int main(int argc, char **argv) {
    lem_device *device = NULL;
    lem_dataset *training = NULL, *test = NULL;
    lem_model *model = NULL;
    lem_optimizer *optimizer = NULL;
    lem_schedule *schedule = NULL;
    lem_trainer *trainer = NULL;
    lem_progress progress = LEM_PROGRESS_INIT;
    lem_metrics metrics = LEM_METRICS_INIT;
    int64_t step;

    if (argc != 3) {
        fprintf(stderr, "usage: %s DATA MODEL.safetensors\n", argv[0]);
        return 2;
    }
    check(lem_device_open(NULL, &device));
    check(lem_dataset_open(argv[1], "train", NULL, &training));
    check(lem_dataset_open(argv[1], "test", NULL, &test));

    check(lem_model_build(device, "mobilenet_v2",
                          "{\"preset\": \"small28\", \"width\": 0.35, \"channels\": 1, \"classes\": 10}", 1, &model));
    check(lem_model_prepare(model, training)); /* class names, mean and deviation of the pixels */
    check(lem_optimizer_create("radam", "{\"rate\": 0.008}", &optimizer));
    check(lem_schedule_create("one_cycle", NULL, &schedule));
    check(lem_trainer_create(model, training, optimizer, schedule, "{\"batch\": 128, \"epochs\": 2}", &trainer));

    for (step = 1; check(lem_trainer_step(trainer)) != LEM_FINISHED; ++step)
        if (step % 100 == 0) {
            check(lem_trainer_progress(trainer, 0, &progress));
            printf("step %lld of %lld: loss %.4f, accuracy %.2f %%, %.0f images/s\n", (long long)progress.step,
                   (long long)progress.steps, progress.loss, 100 * progress.accuracy, progress.images_per_second);
        }

    check(lem_model_evaluate(model, test, 0, &metrics));
    printf("%lld of %lld test images are right (%.2f %%).\n", (long long)metrics.correct, (long long)metrics.images,
           100 * metrics.accuracy);
    check(lem_model_save(model, argv[2]));

    lem_trainer_release(trainer);
    lem_schedule_release(schedule);
    lem_optimizer_release(optimizer);
    lem_model_release(model);
    lem_dataset_release(test);
    lem_dataset_release(training);
    lem_device_release(device);
    return 0;
}
