// Predictors: models that classify images or find objects in them.
#include "graph/json.h"
#include "guard.h"
#include "options.h"

using namespace lemnos;
using namespace lemnos::capi;

lem_result lem_predictor_create(lem_model* model, int32_t batch, const char* options, lem_predictor** out) {
    return guarded([&] {
        clear(out);
        need(model, "model");
        need(out, "out");
        need_range(batch, 1, INT32_MAX, "batch");
        const PredictorOptions given =
            predictor_options_from(attributes_from_json(optional_string(options), "A predictor"), "A predictor");
        const auto lock = enter(*model);
        *out = new lem_predictor(*model, std::make_unique<Predictor>(model->model, batch, given));
    });
}

void lem_predictor_release(lem_predictor* predictor) { release(predictor); }

lem_result lem_predictor_info_json(lem_predictor* predictor, lem_text** out) {
    return guarded([&] {
        clear(out);
        need(predictor, "predictor");
        need(out, "out");
        const auto lock = enter(*predictor);
        const Architecture& network = predictor->predictor->model().architecture();
        const Predictor::Memory memory = predictor->predictor->memory();
        Json blocks = Json::array();
        for (const Network::Transform& block : memory.blocks)
            blocks.push_back({{"name", block.name}, {"channels", block.channels}, {"groups", block.groups}});
        give_text(out, dump({{"task", network.detection ? "detect" : "classify"},
                             {"height", network.height()},
                             {"width", network.width()},
                             {"channels", network.channels()},
                             {"class_names", network.labels()},
                             {"outputs", predictor->predictor->outputs()},
                             {"workspace_bytes", memory.workspace_bytes},
                             {"workspace_bytes_without", memory.workspace_bytes_without},
                             {"folded_bytes", memory.folded_bytes},
                             {"blocks", std::move(blocks)}}));
    });
}

lem_result lem_predictor_run(lem_predictor* predictor, const void* pixels, int64_t bytes, int32_t count,
                             float* out_results, int64_t elements) {
    return guarded([&] {
        const Architecture& network = need(predictor, "predictor").predictor->model().architecture();
        need(pixels, "pixels");
        need(out_results, "out_results");
        need_range(count, 1, INT32_MAX, "count");
        const int64_t image_bytes = network.height() * network.width() * network.channels();
        need_bytes(bytes, checked_multiply(count, image_bytes), "bytes");
        need_bytes(elements, checked_multiply(count, predictor->predictor->outputs()), "elements");
        const auto lock = enter(*predictor);
        predictor->predictor->run(static_cast<const uint8_t*>(pixels), count, out_results);
    });
}
