// Optimizers and schedules, trainers and evaluation.
#include "graph/json.h"
#include "guard.h"
#include "options.h"

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
        const double epochs = double(steps) / double(steps_per_epoch);
        *out_factor = rule.factor({step, steps, double(step) / double(steps_per_epoch), epochs});
    });
}

static const std::vector<AttributeSpec>& plan_options() {
    static const std::vector<AttributeSpec> options{
        required(integer_attribute("examples", 0, 1, INT64_MAX / 2, "Images of the data set.")),
        integer_attribute("epochs", 2, 1, 1000000, "Passes over the data set."),
        integer_attribute("batch", 128, 1, INT32_MAX, "Images of one parameter update."),
        integer_attribute("micro_batch", 0, 0, INT32_MAX,
                          "Images that the device holds at a time; 0: the batch, at most 128."),
        choice_attribute("tail", "drop", {"drop", "include"},
                         "What becomes of images that do not fill a batch."),
        integer_attribute("points", 200, 2, 100000, "Of the curve."),
    };
    return options;
}

lem_result lem_schedule_plan_json(lem_schedule* schedule, lem_optimizer* optimizer, const char* options,
                                  lem_text** out) {
    return guarded([&] {
        clear(out);
        const Schedule& rule = need(schedule, "schedule").schedule;
        const Optimizer& steps = need(optimizer, "optimizer").optimizer;
        need(out, "out");
        Attributes given = attributes_from_json(optional_string(options), "A training plan");
        given.complete(plan_options(), "A training plan");
        const int64_t batch = given.integer("batch");
        BatchSettings settings{given.integer("examples"), given.integer("epochs"), batch,
                               choose_micro_batch(batch, given.integer("micro_batch"), rule.adaptive())};
        const TrainingPlan plan(rule, steps, settings,
                                given.choice("tail") == "drop" ? Tail::drop : Tail::include);

        Json json{{"schedule", rule.name()},
                  {"optimizer", steps.rule().name},
                  {"adaptive", rule.adaptive()},
                  {"examples", settings.examples},
                  {"epochs", settings.epochs},
                  {"batch", batch},
                  {"micro_batch", settings.micro_batch},
                  {"phases", Json::array()},
                  {"updates",
                   {{"exact", plan.updates().exact},
                    {"drop_last", plan.updates().dropped},
                    {"include_tail", plan.updates().included}}},
                  {"steps", plan.steps()},
                  {"curve", Json::array()}};
        for (const TrainingPhase& phase : plan.phases())
            json["phases"].push_back({{"first_epoch", phase.first_epoch},
                                      {"epochs", phase.epochs},
                                      {"batch", phase.batch},
                                      {"rate", phase.rate},
                                      {"momentum", phase.momentum},
                                      {"noise", phase.noise},
                                      {"approximate_noise", phase.approximate_noise},
                                      {"steps_per_epoch", phase.steps_per_epoch},
                                      {"steps", phase.steps_per_epoch * phase.epochs}});
        const int64_t points = given.integer("points");
        for (int64_t i = 0; i < points; ++i) {
            const double epoch = double(settings.epochs) * double(i) / double(points);
            const TrainingPhase& phase = plan.phase_of_epoch(int64_t(epoch));
            const auto step = phase.first_step +
                              int64_t((epoch - double(phase.first_epoch)) * double(phase.steps_per_epoch));
            json["curve"].push_back({{"epoch", epoch},
                                     {"rate", plan.rate(std::min(step, plan.steps() - 1))},
                                     {"batch", phase.batch}});
        }
        give_text(out, dump(json));
    });
}

// ---- trainers ---------------------------------------------------------------------------------------------

static constexpr size_t first_progress = sizeof(lem_progress),
                        first_metrics = 48; // the structures of version 0.1

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
        result.batch = progress.batch;
        result.next_epoch = progress.next_epoch;
        result.gradient_norm = progress.gradient_norm;
        result.noise_batch = progress.noise_batch;
        result.loss_scale = progress.loss_scale;
        result.skipped_steps = progress.skipped_steps;
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

lem_result lem_trainer_log(lem_trainer* trainer, const char* tag, double value) {
    return guarded([&] {
        need(trainer, "trainer");
        const std::string name = need_name(tag, "tag");
        const auto lock = enter(*trainer);
        trainer->trainer->log(name, value);
    });
}

lem_result lem_trainer_swap_average(lem_trainer* trainer) {
    return guarded([&] {
        const auto lock = enter(need(trainer, "trainer"));
        trainer->trainer->swap_average();
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

static const std::vector<AttributeSpec>& box_evaluation_options() {
    static const std::vector<AttributeSpec> options = [] {
        std::vector<AttributeSpec> all = object_options({.score = 0.01});
        all.insert(all.begin(),
                   integer_attribute("batch", 0, 0, INT32_MAX, "Images at a time; 0: a good default."));
        all.push_back(precision_attribute("As a predictor's."));
        return all;
    }();
    return options;
}

lem_result lem_model_evaluate_boxes(lem_model* model, lem_dataset* dataset, const char* options,
                                    lem_text** out) {
    return guarded([&] {
        clear(out);
        need(model, "model");
        need(dataset, "dataset");
        need(out, "out");
        const std::string owner = "An evaluation of boxes";
        Attributes given = attributes_from_json(optional_string(options), owner);
        given.complete(box_evaluation_options(), owner);
        const auto lock = enter(*model);
        const BoxMetrics metrics = evaluate_boxes(model->model, *dataset->dataset, given.integer("batch"),
                                                  object_options_from(given), precision_of(given));
        const AveragePrecision& precision = metrics.precision;
        const std::vector<std::string> labels = model->model->architecture().labels();
        Json result{{"images", precision.images()}, {"boxes", 0}}, classes = Json::array();
        int64_t boxes = 0;
        for (int i = 0; i < int(labels.size()); ++i) {
            boxes += precision.truths(i);
            Json curve = Json::array();
            for (const PrecisionPoint& point : precision.curve(i))
                curve.push_back({point.recall, point.precision, point.score});
            classes.push_back(
                {{"name", labels[size_t(i)]}, {"boxes", precision.truths(i)}, {"curve", std::move(curve)}});
        }
        result["boxes"] = boxes;
        const std::pair<const char*, PrecisionRule> rules[] = {{"50", PrecisionRule::voc2010},
                                                               {"50_voc2007", PrecisionRule::voc2007},
                                                               {"coco", PrecisionRule::coco},
                                                               {"coco_50", PrecisionRule::coco50},
                                                               {"coco_75", PrecisionRule::coco75}};
        for (const auto& [name, rule] : rules) {
            const PrecisionSummary summary = precision.summary(rule);
            result[text("map_", name)] = summary.mean;
            for (size_t i = 0; i < classes.size(); ++i)
                classes[i][text("ap_", name)] = summary.classes[i] ? Json(*summary.classes[i]) : Json();
        }
        result["seconds"] = metrics.seconds;
        result["classes"] = std::move(classes);
        give_text(out, dump(result));
    });
}
