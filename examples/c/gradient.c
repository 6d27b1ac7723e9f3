/* A graph with its gradient: y = mean((x - target)^2), and dy/dx, for three numbers. */
#include <lemnos/lemnos.h>

#include <stdio.h>
#include <stdlib.h>

static void check(lem_result result) {
    if (result >= 0) return;
    fprintf(stderr, "%s: %s\n", lem_result_name(result), lem_last_error());
    exit(1);
}

int main(void) {
    const int64_t shape[] = {3};
    const float x_values[] = {1, 2, 3}, target_values[] = {1, 1, 1};
    float loss_value = 0, gradient_values[3];
    int32_t values[4]; /* x, target, loss, gradient: what is bound to a tensor */
    int32_t inputs[2];
    lem_tensor *tensors[4] = {NULL, NULL, NULL, NULL};
    lem_device *device = NULL;
    lem_graph *graph = NULL;
    lem_plan *plan = NULL;
    int i;

    check(lem_device_open(NULL, &device));

    /* The graph: shapes are checked as it grows. */
    check(lem_graph_create(&graph));
    check(lem_graph_input(graph, "x", LEM_DTYPE_F32, shape, 1, &values[0]));
    check(lem_graph_input(graph, "target", LEM_DTYPE_F32, shape, 1, &values[1]));
    inputs[0] = values[0], inputs[1] = values[1];
    check(lem_graph_op(graph, "mean_squared_error", inputs, 2, NULL, &values[2]));
    check(lem_graph_gradients(graph, values[2], &values[0], 1, -1, &values[3]));

    /* Memory for what goes in and what is wanted, and the compiled plan. */
    for (i = 0; i < 4; ++i) {
        int64_t extents[8];
        int32_t rank = 0;
        check(lem_graph_shape(graph, values[i], extents, 8, &rank));
        check(lem_tensor_create(device, LEM_DTYPE_F32, extents, rank, &tensors[i]));
    }
    check(lem_plan_create(device, graph, values, tensors, 4, &plan));

    /* A plan runs as often as one likes. */
    check(lem_tensor_write(tensors[0], x_values, sizeof x_values));
    check(lem_tensor_write(tensors[1], target_values, sizeof target_values));
    check(lem_plan_run(plan));
    check(lem_tensor_read(tensors[2], &loss_value, sizeof loss_value));
    check(lem_tensor_read(tensors[3], gradient_values, sizeof gradient_values));
    printf("loss %g, gradient %g %g %g\n", loss_value, gradient_values[0], gradient_values[1], gradient_values[2]);

    /* The order does not matter. */
    lem_device_release(device);
    lem_plan_release(plan);
    lem_graph_release(graph);
    for (i = 0; i < 4; ++i) lem_tensor_release(tensors[i]);
    return 0;
}
