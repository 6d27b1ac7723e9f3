/* The scenario (scenario.md) in C: the measure for all languages. */
#include <lemnos/lemnos.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { images = 64, side = 28, classes = 4, pictures = 8, picture_side = 64 };

static void check(lem_result result) {
    if (result >= 0) return;
    fprintf(stderr, "%s: %s\n", lem_result_name(result), lem_last_error());
    exit(1);
}

static void print_error(lem_result result) { printf("error %d: %s\n", (int)result, lem_last_error()); }

static const char *hex(double value) {
    static char texts[8][9];
    static int next = 0;
    const float single = (float)value;
    uint32_t bits;
    char *text = texts[next++ % 8];
    memcpy(&bits, &single, sizeof bits);
    sprintf(text, "%08x", (unsigned)bits);
    return text;
}

/* The number behind a name of a JSON text that is known to hold it. */
static long long number_in(const char *json, const char *name) {
    const char *found = strstr(json, name);
    return found ? atoll(strchr(found, ':') + 1) : -1;
}

static unsigned char pixels[images * side * side];
static int32_t labels[images];

static void make_images(void) {
    uint32_t state = 12345;
    unsigned char *pixel = pixels;
    int i, row, column;
    for (i = 0; i < images; ++i) {
        labels[i] = i % classes;
        for (row = 0; row < side; ++row)
            for (column = 0; column < side; ++column) {
                state = state * 1664525u + 1013904223u;
                *pixel++ = (unsigned char)(((row / 14) * 2 + column / 14 == labels[i] ? 180 : 20) + (state >> 24) % 40);
            }
    }
}

static const char *class_names[] = {"bright", "dark"};

static void write_pictures(const char *folder) {
    static unsigned char picture[picture_side * picture_side];
    char path[4096];
    uint32_t state = 12345;
    int i, row, column;
    FILE *boxes;
    snprintf(path, sizeof path, "%s/boxes.csv", folder);
    boxes = fopen(path, "w");
    if (!boxes) exit(1);
    fprintf(boxes, "file,class,xmin,ymin,xmax,ymax\n");
    for (i = 0; i < pictures; ++i) {
        const int top = 8 * (i % 4), left = 8 * (i / 4);
        unsigned char *pixel = picture;
        for (row = 0; row < picture_side; ++row)
            for (column = 0; column < picture_side; ++column) {
                const int inside = row >= top && row < top + 32 && column >= left && column < left + 32;
                state = state * 1664525u + 1013904223u;
                *pixel++ = (unsigned char)((!inside ? 110 : i % 2 ? 20 : 220) + (state >> 24) % 20);
            }
        fprintf(boxes, "%d.png,%s,%d,%d,%d,%d\n", i, class_names[i % 2], left, top, left + 32, top + 32);
        snprintf(path, sizeof path, "%s/%d.png", folder, i);
        check(lem_image_write_png(path, picture, sizeof picture, picture_side, picture_side, 1));
    }
    if (fclose(boxes)) exit(1);
}

/* From pictures to objects. */
static void detect(lem_device *device, const char *folder, lem_model **detector) {
    lem_dataset *dataset = NULL;
    lem_optimizer *optimizer = NULL;
    lem_schedule *schedule = NULL;
    lem_trainer *trainer = NULL;
    lem_predictor *predictor = NULL;
    lem_text *text = NULL;
    lem_progress progress = LEM_PROGRESS_INIT;
    unsigned char picture[picture_side * picture_side];
    float box[5], objects[3][6];
    int64_t count = 0;
    int32_t label = 0;
    int i;

    write_pictures(folder);
    check(lem_dataset_open(folder, "train", "{\"height\": 64, \"width\": 64, \"channels\": 1}", &dataset));
    check(lem_dataset_info_json(dataset, &text));
    printf("pictures %lld boxes %lld\n", number_in(lem_text_data(text), "\"size\""), number_in(lem_text_data(text), "\"boxes\""));
    lem_text_release(text);
    check(lem_dataset_boxes(dataset, 5, box, 1, &count));
    printf("box %s %s %s %s %s\n", class_names[(int)box[0]], hex(box[1]), hex(box[2]), hex(box[3]), hex(box[4]));

    check(lem_model_build(device, "ssdlite_mobilenet_v2",
                          "{\"width\": 0.1, \"resolution\": 64, \"channels\": 1, \"classes\": 2}", 2, detector));
    check(lem_model_prepare(*detector, dataset));
    check(lem_model_summary_json(*detector, &text));
    printf("detector %lld parameters\n", number_in(lem_text_data(text), "\"parameters\""));
    lem_text_release(text);

    check(lem_optimizer_create("radam", "{\"rate\": 0.01}", &optimizer));
    check(lem_schedule_create("constant", NULL, &schedule));
    check(lem_trainer_create(*detector, dataset, optimizer, schedule,
                             "{\"batch\": 4, \"micro_batch\": 4, \"epochs\": 3, \"seed\": 5}", &trainer));
    for (;;) {
        const lem_result result = lem_trainer_step(trainer);
        check(result);
        if (result == LEM_FINISHED) break;
        check(lem_trainer_progress(trainer, 1, &progress));
        printf("step %lld loss %s\n", (long long)progress.step, hex(progress.loss));
    }
    lem_trainer_release(trainer);
    check(lem_model_evaluate_boxes(*detector, dataset, NULL, &text));
    printf("average precision %s\n", hex(atof(strstr(lem_text_data(text), "\"map_50\"") + strlen("\"map_50\": "))));
    lem_text_release(text);

    check(lem_dataset_read(dataset, 0, picture, sizeof picture, &label));
    check(lem_predictor_create(*detector, 4, "{\"score\": 0.05, \"limit\": 3}", &predictor));
    check(lem_predictor_run(predictor, picture, sizeof picture, 1, objects[0], 18));
    for (i = 0; i < 3; ++i)
        if (objects[i][0] >= 0)
            printf("object %s %s %s %s %s %s\n", class_names[(int)objects[i][0]], hex(objects[i][1]), hex(objects[i][2]),
                   hex(objects[i][3]), hex(objects[i][4]), hex(objects[i][5]));
    lem_predictor_release(predictor);
    lem_dataset_release(dataset);

    lem_schedule_release(schedule);
    lem_optimizer_release(optimizer);
}

static void evaluate(lem_model *model, lem_dataset *dataset, const char *word) {
    lem_metrics metrics = LEM_METRICS_INIT;
    check(lem_model_evaluate(model, dataset, 16, &metrics));
    printf("%s %lld of %lld loss %s\n", word, (long long)metrics.correct, (long long)metrics.images, hex(metrics.loss));
}

int main(int argc, char **argv) {
    char path[4096];
    lem_device *device = NULL;
    lem_dataset *dataset = NULL;
    lem_model *model = NULL, *loaded = NULL, *detector = NULL;
    lem_optimizer *optimizer = NULL;
    lem_schedule *schedule = NULL;
    lem_trainer *trainer = NULL;
    lem_predictor *predictor = NULL;
    lem_graph *graph = NULL;
    lem_plan *plan = NULL;
    lem_text *text = NULL;
    lem_tensor *tensors[4] = {NULL, NULL, NULL, NULL};
    lem_progress progress = LEM_PROGRESS_INIT;
    int32_t values[4];
    const int64_t shape[] = {3};
    const float x[] = {1, 2, 3}, target[] = {1, 1, 1};
    float bias[4], rows[3][classes], loss, gradient[3];
    int i;

    if (argc != 2) return 2;
    check(lem_device_open(NULL, &device));

    make_images();
    check(lem_dataset_create(pixels, sizeof pixels, labels, images, side, side, 1, classes, &dataset));
    check(lem_dataset_info_json(dataset, &text));
    printf("dataset %lld images %lld classes\n", number_in(lem_text_data(text), "\"size\""),
           number_in(lem_text_data(text), "\"classes\""));
    lem_text_release(text);

    check(lem_model_build(device, "mobilenet_v2",
                          "{\"preset\": \"small28\", \"width\": 0.1, \"channels\": 1, \"classes\": 4, \"norm\": \"ghost:4\"}", 1,
                          &model));
    check(lem_model_prepare(model, dataset));
    check(lem_model_summary_json(model, &text));
    printf("model %lld parameters\n", number_in(lem_text_data(text), "\"parameters\""));
    lem_text_release(text);

    check(lem_optimizer_create("radam", "{\"rate\": 0.01}", &optimizer));
    check(lem_schedule_create("grow_batch", "{\"milestones\": [1, 3], \"factor\": 2, \"largest_batch\": 32}", &schedule));
    check(lem_trainer_create(model, dataset, optimizer, schedule,
                             "{\"batch\": 8, \"micro_batch\": 8, \"epochs\": 5, \"seed\": 5}", &trainer));
    check(lem_trainer_progress(trainer, 1, &progress));
    printf("steps %lld\n", (long long)progress.steps);
    for (;;) {
        const lem_result result = lem_trainer_step(trainer);
        check(result);
        if (result == LEM_FINISHED) break;
        check(lem_trainer_progress(trainer, 1, &progress));
        printf("step %lld batch %lld loss %s accuracy %s rate %s\n", (long long)progress.step, (long long)progress.batch,
               hex(progress.loss), hex(progress.accuracy), hex(progress.rate));
    }
    evaluate(model, dataset, "evaluation");

    snprintf(path, sizeof path, "%s/scenario.safetensors", argv[1]);
    check(lem_model_save(model, path));
    check(lem_model_load(device, path, &loaded));
    evaluate(loaded, dataset, "reloaded");
    check(lem_model_read(loaded, "classifier.1.bias", bias, 4));
    printf("bias %s %s %s %s\n", hex(bias[0]), hex(bias[1]), hex(bias[2]), hex(bias[3]));

    check(lem_predictor_create(loaded, 2, NULL, &predictor));
    check(lem_predictor_run(predictor, pixels, 3 * side * side, 3, rows[0], 3 * classes));
    for (i = 0; i < 3; ++i)
        printf("image %d: %s %s %s %s\n", i, hex(rows[i][0]), hex(rows[i][1]), hex(rows[i][2]), hex(rows[i][3]));

    check(lem_graph_create(&graph));
    check(lem_graph_input(graph, "x", LEM_DTYPE_F32, shape, 1, &values[0]));
    check(lem_graph_input(graph, "target", LEM_DTYPE_F32, shape, 1, &values[1]));
    check(lem_graph_op(graph, "mean_squared_error", values, 2, NULL, &values[2]));
    check(lem_graph_gradients(graph, values[2], values, 1, -1, &values[3]));
    for (i = 0; i < 4; ++i) {
        int64_t extents[8];
        int32_t rank = 0;
        check(lem_graph_shape(graph, values[i], extents, 8, &rank));
        check(lem_tensor_create(device, LEM_DTYPE_F32, extents, rank, &tensors[i]));
    }
    check(lem_plan_create(device, graph, values, tensors, 4, &plan));
    check(lem_tensor_write(tensors[0], x, sizeof x));
    check(lem_tensor_write(tensors[1], target, sizeof target));
    check(lem_plan_run(plan));
    check(lem_tensor_read(tensors[2], &loss, sizeof loss));
    check(lem_tensor_read(tensors[3], gradient, sizeof gradient));
    printf("loss %s gradient %s %s %s\n", hex(loss), hex(gradient[0]), hex(gradient[1]), hex(gradient[2]));

    detect(device, argv[1], &detector);

    lem_model_release(model);
    model = NULL;
    print_error(lem_model_build(device, "mobilenet_v3", NULL, 1, &model));
    lem_optimizer_release(optimizer);
    optimizer = NULL;
    print_error(lem_optimizer_create("radam", "{\"beta\": 0.9}", &optimizer));
    check(lem_optimizer_create("radam", NULL, &optimizer));
    print_error(lem_trainer_create(detector, dataset, optimizer, schedule, NULL, &trainer));
    check(lem_device_close(device));
    print_error(lem_tensor_read(tensors[3], gradient, sizeof gradient));

    for (i = 0; i < 4; ++i) lem_tensor_release(tensors[i]);
    lem_plan_release(plan);
    lem_graph_release(graph);
    lem_predictor_release(predictor);
    lem_optimizer_release(optimizer);
    lem_model_release(detector);
    lem_model_release(loaded);
    lem_trainer_release(trainer);
    lem_schedule_release(schedule);
    lem_dataset_release(dataset);
    lem_device_release(device);
    return 0;
}
