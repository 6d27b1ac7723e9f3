// Models, training, evaluation and prediction through the C API.
#include "api.h"

TEST(ApiModel, SummaryNeedsNoDevice) {
    const Json summary = json([](lem_text** out) {
        return lem_summary_json("mobilenet_v2", R"({"width": 1.0, "resolution": 224})", out);
    });
    EXPECT_EQ(summary["parameters"], 3504872);
    EXPECT_EQ(summary["macs"], 300774272);
    EXPECT_EQ(summary["input"], Json({224, 224, 3}));
    int64_t parameters = 0, macs = 0;
    for (const Json& layer : summary["layers"]) {
        parameters += layer["parameters"].get<int64_t>();
        macs += layer["macs"].get<int64_t>();
    }
    EXPECT_EQ(parameters, 3504872);
    EXPECT_EQ(macs, 300774272);
}

TEST(ApiModel, Mistakes) {
    Text text;
    EXPECT_FAILURE(lem_summary_json("mobilenet_v3", nullptr, text.out()), LEM_ERROR_NOT_FOUND,
                   "There is no model \"mobilenet_v3\". Did you mean \"mobilenet_v1\"?");
    EXPECT_FAILURE(lem_summary_json("mobilenet_v2", R"({"widht": 1})", text.out()),
                   LEM_ERROR_INVALID_ARGUMENT,
                   "Model mobilenet_v2 has no attribute \"widht\". Did you mean \"width\"?");
    EXPECT_FAILURE_WITH(lem_summary_json("mobilenet_v2", R"({"width": 0})", text.out()),
                        LEM_ERROR_INVALID_ARGUMENT, "width (0)");
    EXPECT_EQ(static_cast<lem_text*>(text), nullptr);
}

TEST(ApiOptimizer, NamesAndOptions) {
    Optimizer optimizer;
    for (const char* name : {"sgd", "adagrad", "adadelta", "rmsprop", "rmsprop_tf", "adam", "adamw", "nadam", "radam", "adabelief",
                             "lars", "lamb", "lion"})
        EXPECT_OK(lem_optimizer_create(name, nullptr, optimizer.out()));
    EXPECT_OK(
        lem_optimizer_create("sgd", R"({"rate": 0.1, "momentum": 0.9, "nesterov": true})", optimizer.out()));
    EXPECT_FAILURE(lem_optimizer_create("adma", nullptr, optimizer.out()), LEM_ERROR_NOT_FOUND,
                   "There is no optimizer \"adma\". Did you mean \"adam\"?");
    EXPECT_FAILURE(lem_optimizer_create("adam", R"({"beta": 0.9})", optimizer.out()),
                   LEM_ERROR_INVALID_ARGUMENT,
                   "Optimizer adam has no attribute \"beta\". Did you mean \"beta1\"?");
    EXPECT_EQ(static_cast<lem_optimizer*>(optimizer), nullptr);
}

TEST(ApiSchedule, Factors) {
    Schedule schedule;
    double factor = 0;
    ASSERT_OK(lem_schedule_create("constant", nullptr, schedule.out()));
    EXPECT_OK(lem_schedule_factor(schedule, 7, 10, 5, &factor));
    EXPECT_EQ(factor, 1);
    ASSERT_OK(lem_schedule_create("constant", R"({"warmup": 4})", schedule.out()));
    EXPECT_OK(lem_schedule_factor(schedule, 0, 10, 5, &factor));
    EXPECT_DOUBLE_EQ(factor, 0.2);
    EXPECT_FAILURE(lem_schedule_factor(schedule, 10, 10, 5, &factor), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument step (10) is above 9.");
    EXPECT_EQ(factor, 0);
    EXPECT_FAILURE(lem_schedule_create("cosin", nullptr, schedule.out()), LEM_ERROR_NOT_FOUND,
                   "There is no schedule \"cosin\". Did you mean \"cosine\"?");
}

TEST(ApiSchedule, PlansAreKnownBefore) {
    Schedule schedule;
    Optimizer optimizer;
    Text text;
    ASSERT_OK(lem_schedule_create("grow_batch", R"({"largest_batch": 5120})", schedule.out()));
    ASSERT_OK(lem_optimizer_create("sgd", R"({"rate": 0.1, "momentum": 0.9})", optimizer.out()));
    ASSERT_OK(lem_schedule_plan_json(schedule, optimizer, R"({"examples": 50000, "epochs": 200, "points": 4})", text.out()));
    const Json plan = Json::parse(lem_text_data(text));
    EXPECT_EQ(plan["steps"], 29040);
    EXPECT_EQ(plan["updates"]["include_tail"], 29240);
    ASSERT_EQ(plan["phases"].size(), 4u);
    EXPECT_EQ(plan["phases"][3]["batch"], 5120);
    EXPECT_NEAR(plan["phases"][3]["rate"].get<double>(), 0.032, 1e-12);
    ASSERT_EQ(plan["curve"].size(), 4u);
    EXPECT_EQ(plan["curve"][2]["batch"], 640);
    EXPECT_FAILURE(lem_schedule_plan_json(schedule, optimizer, "{}", text.out()), LEM_ERROR_INVALID_ARGUMENT,
                   "A training plan: the attribute examples must be given.");
    EXPECT_EQ(static_cast<lem_text*>(text), nullptr);
}

class ApiTraining : public WithDevice {
  protected:
    void build(int64_t seed = 1) {
        ASSERT_OK(lem_model_build(device, "mobilenet_v2", small_options, seed, model.out()));
        ASSERT_OK(lem_model_prepare(model, dataset));
    }
    lem_result make_trainer(const char* options, const char* optimizer_options = R"({"rate": 0.01})") {
        Optimizer optimizer;
        Schedule schedule;
        EXPECT_OK(lem_optimizer_create("radam", optimizer_options, optimizer.out()));
        EXPECT_OK(lem_schedule_create("cosine", nullptr, schedule.out()));
        return lem_trainer_create(model, dataset, optimizer, schedule, options, trainer.out());
    }
    std::vector<float> parameter(const char* name, size_t elements) {
        std::vector<float> values(elements);
        EXPECT_OK(lem_model_read(model, name, values.data(), int64_t(elements)));
        return values;
    }
    lem_progress progress(bool wait = true) {
        lem_progress result = LEM_PROGRESS_INIT;
        EXPECT_OK(lem_trainer_progress(trainer, wait, &result));
        return result;
    }

    Dataset dataset = quarters(64);
    Model model;
    Trainer trainer;
    Scratch scratch;
    static constexpr char options[] = R"({"batch": 16, "micro_batch": 8, "epochs": 2, "seed": 5})";
};

TEST_F(ApiTraining, StepsToTheEndAndTheFileIsAModel) {
    build();
    ASSERT_OK(make_trainer(options));
    EXPECT_EQ(progress().steps, 8);
    for (int i = 0; i < 8; ++i) ASSERT_OK(lem_trainer_step(trainer));
    EXPECT_EQ(lem_trainer_step(trainer), LEM_FINISHED);
    EXPECT_EQ(lem_trainer_step(trainer), LEM_FINISHED);
    const lem_progress end = progress();
    EXPECT_EQ(end.step, 8);
    EXPECT_EQ(end.images, 128);
    EXPECT_EQ(end.epoch, 1);
    EXPECT_GT(end.loss, 0);
    EXPECT_LT(end.rate, 0.01); // the cosine has come down

    lem_metrics metrics = LEM_METRICS_INIT;
    ASSERT_OK(lem_model_evaluate(model, dataset, 10, &metrics)); // a tail of 4
    EXPECT_EQ(metrics.images, 64);
    EXPECT_EQ(metrics.accuracy, double(metrics.correct) / 64);

    const std::string path = scratch.file("model.safetensors");
    ASSERT_OK(lem_model_save(model, path.c_str()));
    Model loaded;
    ASSERT_OK(lem_model_load(device, path.c_str(), loaded.out()));
    lem_metrics again = LEM_METRICS_INIT;
    ASSERT_OK(lem_model_evaluate(loaded, dataset, 10, &again));
    EXPECT_EQ(again.correct, metrics.correct);
    EXPECT_EQ(again.loss, metrics.loss);
    const Json a = json([&](lem_text** out) { return lem_model_summary_json(model, out); });
    const Json b = json([&](lem_text** out) { return lem_model_summary_json(loaded, out); });
    EXPECT_EQ(a, b);
    EXPECT_EQ(a["class_names"], Json({"0", "1", "2", "3"}));
    int32_t height = 0, width = 0, channels = 0, classes = 0;
    EXPECT_OK(lem_model_input(loaded, &height, &width, &channels, &classes));
    EXPECT_EQ(height, 8);
    EXPECT_EQ(width, 8);
    EXPECT_EQ(channels, 1);
    EXPECT_EQ(classes, 4);
    EXPECT_OK(lem_model_input(loaded, nullptr, nullptr, nullptr, nullptr));
}

TEST_F(ApiTraining, ResumedRunsEqualUnbrokenOnes) {
    build();
    ASSERT_OK(make_trainer(options));
    for (int i = 0; i < 8; ++i) ASSERT_OK(lem_trainer_step(trainer));
    progress();
    const std::vector<float> unbroken = parameter("classifier.1.weight", 4 * 16);

    build();
    ASSERT_OK(make_trainer(options));
    for (int i = 0; i < 3; ++i) ASSERT_OK(lem_trainer_step(trainer));
    const std::string path = scratch.file("checkpoint.safetensors");
    ASSERT_OK(lem_trainer_save(trainer, path.c_str()));
    trainer.release();

    build(99); // other weights, which the checkpoint replaces
    ASSERT_OK(make_trainer(options));
    ASSERT_OK(lem_trainer_resume(trainer, path.c_str()));
    EXPECT_EQ(progress().step, 3);
    for (int i = 3; i < 8; ++i) ASSERT_OK(lem_trainer_step(trainer));
    EXPECT_EQ(lem_trainer_step(trainer), LEM_FINISHED);
    progress();
    EXPECT_EQ(parameter("classifier.1.weight", 4 * 16), unbroken);

    Model as_model; // a checkpoint is a model, too
    EXPECT_OK(lem_model_load(device, path.c_str(), as_model.out()));

    ASSERT_OK(make_trainer(R"({"batch": 8, "seed": 5})"));
    EXPECT_FAILURE_WITH(lem_trainer_resume(trainer, path.c_str()), LEM_ERROR_INVALID_ARGUMENT,
                        "belongs to another training");
}

TEST_F(ApiTraining, ParametersAreReadAndWritten) {
    build();
    std::vector<float> values(4);
    std::iota(values.begin(), values.end(), 1.0f);
    ASSERT_OK(lem_model_write(model, "classifier.1.bias", values.data(), 4));
    EXPECT_EQ(parameter("classifier.1.bias", 4), values);
    EXPECT_FAILURE(lem_model_read(model, "classifier.1.bias", values.data(), 3), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument elements (3) is not the size that is needed (4).");
    EXPECT_FAILURE_WITH(lem_model_write(model, "classifier.1.bias", values.data(), 3),
                        LEM_ERROR_INVALID_ARGUMENT, "(3 were given)");
    EXPECT_FAILURE(
        lem_model_read(model, "classifier.1.bia", values.data(), 4), LEM_ERROR_NOT_FOUND,
        "The model mobilenet_v2 has no tensor \"classifier.1.bia\". Did you mean \"classifier.1.bias\"?");
}

TEST_F(ApiTraining, KernelsAreTuned) {
    build();
    const auto kernels = [&](const char* options) {
        return json([&](lem_text** out) { return lem_model_kernels_json(model, options, out); });
    };
    const Json predicting = kernels(nullptr), training = kernels(R"({"batch": 4, "train": true})");
    ASSERT_FALSE(predicting.empty());
    EXPECT_GT(training.size(), predicting.size());
    const std::string problem = predicting[0]["problem"];
    EXPECT_TRUE(problem.starts_with("forward x=1x")) << problem;
    EXPECT_GT(predicting[0]["macs"].get<double>(), 0);
    EXPECT_FAILURE_WITH(lem_device_tune(device, "something", Text().out()), LEM_ERROR_INVALID_ARGUMENT, "The text \"something\" is no convolution");

    const auto decisions = [&] {
        Text text;
        EXPECT_OK(lem_device_tuning(device, text.out()));
        return std::string(lem_text_data(text));
    };
    const std::string before = decisions();
    const Json tuned = json([&](lem_text** out) { return lem_device_tune(device, problem.c_str(), out); });
    EXPECT_EQ(tuned["problem"], problem);
    EXPECT_GE(tuned["default_seconds"].get<double>(), tuned["best_seconds"].get<double>());
    EXPECT_FALSE(tuned["candidates"].empty());
    const std::string after = decisions();
    EXPECT_NE(after.find(problem), std::string::npos);
    for (const Json& entry : kernels(nullptr))
        EXPECT_TRUE(entry["problem"] != problem || entry["kernel"] == tuned["best"]);
    ASSERT_OK(lem_device_load_tuning(device, ""));
    EXPECT_EQ(decisions().find("\"problem\""), std::string::npos);
    ASSERT_OK(lem_device_load_tuning(device, after.c_str()));
    EXPECT_EQ(decisions(), after);
    EXPECT_FAILURE(lem_device_load_tuning(device, "{}"), LEM_ERROR_FILE_MALFORMED,
                   "These decisions about kernels are damaged, in the line \"{}\".");
    EXPECT_EQ(decisions(), after);
    ASSERT_OK(lem_device_load_tuning(device, before.c_str())); // as the user had it
}

TEST_F(ApiTraining, ImagesOwnMomentsAreWeighed) {
    build();
    ASSERT_OK(make_trainer(R"({"batch": 8, "ghost": 4})"));
    ASSERT_OK(lem_trainer_step(trainer));
    progress();
    Json alphas = json([&](lem_text** out) { return lem_model_alpha_json(model, out); });
    EXPECT_EQ(alphas["proposal"], 0.25);
    ASSERT_FALSE(alphas["layers"].empty());
    for (const Json& layer : alphas["layers"]) EXPECT_EQ(layer["alpha"], 0);

    Predictor predictor;
    ASSERT_OK(lem_predictor_create(model, 2, nullptr, predictor.out()));
    std::vector<uint8_t> pixels(2 * 64);
    for (int i = 0; i < 128; ++i) pixels[size_t(i)] = uint8_t(37 * i);
    const auto predicted = [&] {
        std::vector<float> result(8);
        EXPECT_OK(lem_predictor_run(predictor, pixels.data(), 128, 2, result.data(), 8));
        return result;
    };
    const std::vector<float> plain = predicted();
    ASSERT_OK(lem_model_set_alpha(model, "*", 0.5));
    const std::vector<float> weighed = predicted();
    EXPECT_NE(weighed, plain);
    const std::string last = alphas["layers"].back()["name"];
    ASSERT_OK(lem_model_set_alpha(model, last.c_str(), 0.125));
    EXPECT_NE(predicted(), weighed);
    alphas = json([&](lem_text** out) { return lem_model_alpha_json(model, out); });
    EXPECT_EQ(alphas["layers"].back()["alpha"], 0.125);
    EXPECT_EQ(alphas["layers"][0]["alpha"], 0.5);
    EXPECT_FAILURE(lem_model_set_alpha(model, "*", 1.5), LEM_ERROR_INVALID_ARGUMENT,
                   "The weight alpha of an image's own moments (1.5) is not from 0 to 1.");
    EXPECT_FAILURE_WITH(lem_model_set_alpha(model, "head*", 0.5), LEM_ERROR_NOT_FOUND, "fits \"head*\"");
    ASSERT_OK(lem_model_set_alpha(model, "*", 0));
    EXPECT_EQ(predicted(), plain);
}

TEST_F(ApiTraining, Prediction) {
    build();
    Predictor predictor;
    ASSERT_OK(lem_predictor_create(model, 4, nullptr, predictor.out()));
    std::vector<uint8_t> pixels(6 * 64);
    for (int i = 0; i < 6; ++i) {
        int32_t label = 0;
        ASSERT_OK(lem_dataset_read(dataset, i, pixels.data() + i * 64, 64, &label));
    }
    std::vector<float> six(24), one(4);
    ASSERT_OK(lem_predictor_run(predictor, pixels.data(), 6 * 64, 6, six.data(), 24)); // more than one batch
    for (int i = 0; i < 6; ++i) {
        ASSERT_OK(lem_predictor_run(predictor, pixels.data() + i * 64, 64, 1, one.data(), 4));
        float sum = 0;
        for (int k = 0; k < 4; ++k) {
            EXPECT_EQ(one[size_t(k)], six[size_t(i * 4 + k)]);
            sum += one[size_t(k)];
        }
        EXPECT_NEAR(sum, 1, 1e-5); // rounding of four terms
    }
    EXPECT_FAILURE(lem_predictor_run(predictor, pixels.data(), 64, 2, six.data(), 8),
                   LEM_ERROR_INVALID_ARGUMENT,
                   "The argument bytes (64) is not the size that is needed (128).");
    EXPECT_FAILURE(lem_predictor_run(predictor, pixels.data(), 64, 1, six.data(), 5),
                   LEM_ERROR_INVALID_ARGUMENT,
                   "The argument elements (5) is not the size that is needed (4).");
    EXPECT_FAILURE(lem_predictor_run(predictor, pixels.data(), 0, 0, six.data(), 0),
                   LEM_ERROR_INVALID_ARGUMENT, "The argument count (0) is below 1.");
}

TEST_F(ApiTraining, PredictorsInGroupsOfChannels) {
    build();
    std::vector<uint8_t> pixels(4 * 64);
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = uint8_t(37 * i);
    const auto run = [&](lem_predictor* predictor) {
        std::vector<float> result(16);
        EXPECT_OK(lem_predictor_run(predictor, pixels.data(), 256, 4, result.data(), 16));
        return result;
    };
    Predictor whole, split, limited, refused;
    ASSERT_OK(lem_predictor_create(model, 4, "", whole.out()));
    ASSERT_OK(lem_predictor_create(model, 4, R"({"channel_groups": 3})", split.out()));
    const auto info_of = [&](lem_predictor* predictor) {
        return json([&](lem_text** out) { return lem_predictor_info_json(predictor, out); });
    };
    const Json all = info_of(whole), groups = info_of(split);
    const int64_t bytes = all["workspace_bytes"];
    EXPECT_GT(bytes, 0);
    EXPECT_EQ(all["workspace_bytes_without"], bytes);
    EXPECT_EQ(groups["workspace_bytes_without"], bytes);
    EXPECT_LT(groups["workspace_bytes"], bytes);
    ASSERT_EQ(groups["blocks"].size(), all["blocks"].size());
    ASSERT_FALSE(all["blocks"].empty());
    for (size_t i = 0; i < all["blocks"].size(); ++i) {
        EXPECT_EQ(all["blocks"][i]["groups"], 1);
        EXPECT_EQ(groups["blocks"][i]["groups"], 3);
        EXPECT_EQ(groups["blocks"][i]["name"], all["blocks"][i]["name"]);
        EXPECT_GE(groups["blocks"][i]["channels"], 8);
    }
    const std::vector<float> expected = run(whole), result = run(split);
    for (size_t i = 0; i < result.size(); ++i) EXPECT_NEAR(result[i], expected[i], 1e-5);

    const int64_t limit = bytes * 9 / 10;
    ASSERT_OK(lem_predictor_create(model, 4, ("{\"memory_limit\": " + std::to_string(limit) + "}").c_str(), limited.out()));
    EXPECT_LE(info_of(limited)["workspace_bytes"], limit);
    EXPECT_FAILURE_WITH(lem_predictor_create(model, 4, R"({"memory_limit": 100})", refused.out()), LEM_ERROR_OUT_OF_DEVICE_MEMORY,
                        "(the memory limit is 100 bytes).");
    EXPECT_EQ(static_cast<lem_predictor*>(refused), nullptr);
    EXPECT_FAILURE_WITH(lem_predictor_create(model, 4, R"({"memory": 100})", refused.out()), LEM_ERROR_INVALID_ARGUMENT,
                        "A predictor has no attribute \"memory\". Did you mean");
    EXPECT_FAILURE(lem_predictor_create(model, 4, R"({"least_memory": true, "channel_groups": 2})", refused.out()),
                   LEM_ERROR_INVALID_ARGUMENT, "A predictor: least_memory goes with neither memory_limit nor channel_groups.");
}

TEST_F(ApiTraining, Mistakes) {
    build();
    EXPECT_FAILURE(make_trainer(R"({"batch": 65})"), LEM_ERROR_INVALID_ARGUMENT,
                   "The batch (65) is larger than the data set (64 images).");
    EXPECT_FAILURE(make_trainer(R"({"batch": 16, "micro_batch": 5})"), LEM_ERROR_INVALID_ARGUMENT,
                   "The micro-batch (5) does not divide the batch (16).");
    EXPECT_FAILURE_WITH(make_trainer(R"({"bach": 16})"), LEM_ERROR_INVALID_ARGUMENT,
                        " has no attribute \"bach\". Did you mean \"batch\"?");
    EXPECT_EQ(static_cast<lem_trainer*>(trainer), nullptr);
    const double half[] = {0.5, 0.5}, nothing[] = {0, 0};
    EXPECT_FAILURE(lem_model_set_pixels(model, half, half, 2), LEM_ERROR_INVALID_ARGUMENT,
                   "The argument channels (2) is not the size that is needed (1).");
    EXPECT_FAILURE(lem_model_set_pixels(model, half, nothing, 1), LEM_ERROR_INVALID_ARGUMENT,
                   "The deviation of channel 0 (0) is not a finite number above 0.");
    EXPECT_OK(lem_model_set_pixels(model, nothing, half, 1));

    Model loaded;
    EXPECT_FAILURE(lem_model_load(device, "/nonexistent", loaded.out()), LEM_ERROR_NOT_FOUND,
                   "The file \"/nonexistent\" cannot be read: No such file or directory.");
    const std::string path = scratch.file("model.safetensors");
    EXPECT_FAILURE(lem_model_save(model, (path + "/x").c_str()), LEM_ERROR_FILE_UNWRITABLE,
                   ("The file \"" + path + "/x\" cannot be written: No such file or directory.").c_str());
    ASSERT_OK(lem_model_save(model, path.c_str()));
    const std::string whole = content_of(path);
    for (const size_t size : {size_t(0), size_t(4), size_t(100), whole.size() / 2, whole.size() - 1}) {
        scratch.write("cut.safetensors", whole.substr(0, size));
        EXPECT_EQ(lem_model_load(device, scratch.file("cut.safetensors").c_str(), loaded.out()),
                  LEM_ERROR_FILE_MALFORMED)
            << size;
        EXPECT_EQ(static_cast<lem_model*>(loaded), nullptr);
        EXPECT_TRUE(std::string(lem_last_error()).ends_with(".")) << lem_last_error();
    }
    EXPECT_EQ(scratch.entries(), 2u); // no temporary files
}
