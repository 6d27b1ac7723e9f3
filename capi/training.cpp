// Optimizers and schedules, trainers and evaluation.
#include "graph/json.h"
#include "guard.h"

using namespace lemnos;
using namespace lemnos::capi;

lem_result lem_optimizer_create(const char* name, const char* options, lem_optimizer** out) {
    return guarded([&] {
        clear(out);
        need(out, "out");
        const std::string wanted = need_name(name, "name");
        *out = new lem_optimizer(
            Optimizer(wanted, attributes_from_json(optional_string(options), text("Optimizer ", wanted))));
    });
}

void lem_optimizer_release(lem_optimizer* optimizer) { release(optimizer); }

lem_result lem_schedule_create(const char* name, const char* options, lem_schedule** out) {
    return guarded([&] {
        clear(out);
        need(out, "out");
        const std::string wanted = need_name(name, "name");
        *out = new lem_schedule(
            Schedule(wanted, attributes_from_json(optional_string(options), text("Schedule ", wanted))));
    });
}

void lem_schedule_release(lem_schedule* schedule) { release(schedule); }

lem_result lem_schedule_factor(lem_schedule* schedule, int64_t step, int64_t steps, int64_t steps_per_epoch,
                               double* out_factor) {
    return guarded([&] {
        clear(out_factor);
        const Schedule& rule = need(schedule, "schedule").schedule;
        need(out_factor, "out_factor");
        need_range(steps, 1, INT64_MAX, "steps");
        need_range(step, 0, steps - 1, "step");
        need_range(steps_per_epoch, 1, INT64_MAX, "steps_per_epoch");
        *out_factor = rule.factor({step, steps, steps_per_epoch});
    });
}

// ---- trainers ---------------------------------------------------------------------------------------------

static constexpr size_t first_progress = 72, first_metrics = 48; // the structures of version 0.1

lem_result lem_trainer_create(lem_model* model, lem_dataset* dataset, lem_optimizer* optimizer,
                              lem_schedule* schedule, const char* options, lem_trainer** out) {
    return guarded([&] {
        clear(out);
        need(model, "model");
        need(dataset, "dataset");
        need(optimizer, "optimizer");
        need(schedule, "schedule");
        need(out, "out");
        Attributes given = attributes_from_json(optional_string(options), "A trainer");
        const auto lock = enter(*model);
        *out = new lem_trainer(*model,
                               std::make_unique<Trainer>(model->model, dataset->dataset, optimizer->optimizer,
                                                         schedule->schedule, std::move(given)));
    });
}

void lem_trainer_release(lem_trainer* trainer) { release(trainer); }

lem_result lem_trainer_step(lem_trainer* trainer) {
    return guarded([&] {
        const auto lock = enter(need(trainer, "trainer"));
        return trainer->trainer->step() ? LEM_OK : LEM_FINISHED;
    });
}

lem_result lem_trainer_progress(lem_trainer* trainer, int32_t wait, lem_progress* out) {
    return guarded([&] {
        clear_struct(out);
        need(trainer, "trainer");
        need(out, "out");
        check_struct_size(out, out->struct_size, first_progress, sizeof *out, "lem_progress");
        require(wait == 0 || wait == 1, "The argument wait (", wait, ") is neither 0 nor 1.");
        const auto lock = enter(*trainer);
        const Progress progress = trainer->trainer->progress(wait == 1);
        lem_progress result{};
        result.epoch = int32_t(progress.epoch);
        result.step = progress.step;
        result.steps = progress.steps;
        result.images = progress.images;
        result.loss = progress.loss;
        result.accuracy = progress.accuracy;
        result.rate = progress.rate;
        result.seconds = progress.seconds;
        result.images_per_second = progress.images_per_second;
        give_struct(out, result);
    });
}

lem_result lem_trainer_save(lem_trainer* trainer, const char* path) {
    return guarded([&] {
        need(trainer, "trainer");
        const std::string file = need_string(path, "path");
        const auto lock = enter(*trainer);
        trainer->trainer->save(file);
    });
}

lem_result lem_trainer_resume(lem_trainer* trainer, const char* path) {
    return guarded([&] {
        need(trainer, "trainer");
        const std::string file = need_string(path, "path");
        const auto lock = enter(*trainer);
        trainer->trainer->resume(file);
    });
}

// ---- evaluation -------------------------------------------------------------------------------------------

lem_result lem_model_evaluate(lem_model* model, lem_dataset* dataset, int32_t batch, lem_metrics* out) {
    return guarded([&] {
        clear_struct(out);
        need(model, "model");
        need(dataset, "dataset");
        need(out, "out");
        check_struct_size(out, out->struct_size, first_metrics, sizeof *out, "lem_metrics");
        need_range(batch, 0, INT32_MAX, "batch");
        const auto lock = enter(*model);
        const Metrics metrics = evaluate(*model->model, *dataset->dataset, batch);
        lem_metrics result{};
        result.images = metrics.images;
        result.correct = metrics.correct;
        result.loss = metrics.loss();
        result.accuracy = metrics.accuracy();
        result.seconds = metrics.seconds;
        give_struct(out, result);
    });
}
