// Every function with every pointer NULL, and with one pointer NULL at a time: a result and a sentence, never
// a crash. The functions come from lemnos.symbols and their types from the header, so that none is forgotten.
#include "api.h"

#include <array>
#include <tuple>

template <typename Type>
constexpr bool is_handle = std::is_same_v<Type, lem_device*> || std::is_same_v<Type, lem_tensor*> ||
                           std::is_same_v<Type, lem_graph*> || std::is_same_v<Type, lem_plan*> ||
                           std::is_same_v<Type, lem_model*> || std::is_same_v<Type, lem_dataset*> ||
                           std::is_same_v<Type, lem_optimizer*> || std::is_same_v<Type, lem_schedule*> ||
                           std::is_same_v<Type, lem_trainer*> || std::is_same_v<Type, lem_predictor*>;

template <typename Result, typename... Arguments>
static void call_with_nothing(const char* name, Result (*function)(Arguments...)) {
    if constexpr (std::is_void_v<Result>) {
        function(Arguments{}...);
    } else if constexpr (std::is_same_v<Result, lem_result> && sizeof...(Arguments) > 0) {
        EXPECT_EQ(int(function(Arguments{}...)), int(LEM_ERROR_INVALID_ARGUMENT)) << name;
        const std::string sentence = lem_last_error();
        EXPECT_TRUE(sentence.starts_with("The ") && sentence.ends_with(" is NULL."))
            << name << ": " << sentence;
    } else {
        function(Arguments{}...);
    }
}

TEST(ApiNull, EveryFunctionWithNothing) {
#define X(name) call_with_nothing(#name, name);
#include "symbols.inc"
#undef X
}

// One of everything.
class ApiNullOneAtATime : public WithDevice {
  protected:
    void SetUp() override {
        WithDevice::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        dataset = quarters(8);
        const int64_t extent = 4;
        ASSERT_OK(lem_tensor_create(device, LEM_DTYPE_F32, &extent, 1, tensor_.out()));
        ASSERT_OK(lem_model_build(device, "mobilenet_v2", small_options, 1, model.out()));
        ASSERT_OK(lem_optimizer_create("sgd", nullptr, optimizer.out()));
        ASSERT_OK(lem_schedule_create("constant", nullptr, schedule.out()));
        ASSERT_OK(lem_trainer_create(model, dataset, optimizer, schedule, R"({"batch": 4})", trainer.out()));
        ASSERT_OK(lem_predictor_create(model, 1, nullptr, predictor.out()));
        const int32_t x = maker.input("x", {4}), y = maker.op("relu", {x});
        Tensor result = tensor({4});
        const int32_t values[] = {x, y};
        lem_tensor* tensors[] = {tensor_, result};
        ASSERT_OK(lem_plan_create(device, maker.graph, values, tensors, 2, plan.out()));
        progress = LEM_PROGRESS_INIT;
        metrics = LEM_METRICS_INIT;
        path = scratch.file("file");
    }

    template <typename Type>
    Type good() {
        if constexpr (std::is_same_v<Type, lem_device*>)
            return device;
        else if constexpr (std::is_same_v<Type, lem_tensor*>)
            return tensor_;
        else if constexpr (std::is_same_v<Type, lem_graph*>)
            return maker.graph;
        else if constexpr (std::is_same_v<Type, lem_plan*>)
            return plan;
        else if constexpr (std::is_same_v<Type, lem_model*>)
            return model;
        else if constexpr (std::is_same_v<Type, lem_dataset*>)
            return dataset;
        else if constexpr (std::is_same_v<Type, lem_optimizer*>)
            return optimizer;
        else if constexpr (std::is_same_v<Type, lem_schedule*>)
            return schedule;
        else if constexpr (std::is_same_v<Type, lem_trainer*>)
            return trainer;
        else if constexpr (std::is_same_v<Type, lem_predictor*>)
            return predictor;
        else if constexpr (std::is_same_v<Type, const char*>)
            return path.c_str();
        else if constexpr (std::is_same_v<Type, lem_progress*>)
            return &progress;
        else if constexpr (std::is_same_v<Type, lem_metrics*>)
            return &metrics;
        else if constexpr (std::is_same_v<Type, const lem_device_desc*>)
            return &desc;
        else if constexpr (std::is_pointer_v<Type>)
            return reinterpret_cast<Type>(memory.data());
        else
            return Type(1);
    }

    template <size_t place, typename... Arguments>
    void call_without(const char* name, lem_result (*function)(Arguments...)) {
        using Type = std::tuple_element_t<place, std::tuple<Arguments...>>;
        if constexpr (std::is_pointer_v<Type>) {
            std::fill(memory.begin(), memory.end(), 0);
            std::tuple<Arguments...> arguments{good<Arguments>()...};
            std::get<place>(arguments) = nullptr;
            const lem_result result = std::apply(function, arguments);
            if (is_handle<Type>) {
                EXPECT_EQ(int(result), int(LEM_ERROR_INVALID_ARGUMENT))
                    << name << " without argument " << place;
            }
            EXPECT_TRUE(result >= 0 || is_sentence(lem_last_error())) << name << ": " << lem_last_error();
            EXPECT_NE(int(result), int(LEM_ERROR_INTERNAL)) << name << ": " << lem_last_error();
            // A handle that was made after all is given back.
            release_made(arguments);
        }
    }

    template <typename... Arguments>
    void release_made(const std::tuple<Arguments...>& arguments) {
        const auto one = [](auto argument) {
            using Type = decltype(argument);
            if constexpr (std::is_same_v<Type, lem_text**>) {
                if (argument) lem_text_release(*argument);
            } else if constexpr (std::is_same_v<Type, lem_device**>) {
                if (argument) lem_device_release(*argument);
            } else if constexpr (std::is_same_v<Type, lem_tensor**>) {
                if (argument) lem_tensor_release(*argument);
            } else if constexpr (std::is_same_v<Type, lem_graph**>) {
                if (argument) lem_graph_release(*argument);
            } else if constexpr (std::is_same_v<Type, lem_predictor**>) {
                if (argument) lem_predictor_release(*argument);
            } else if constexpr (std::is_same_v<Type, lem_trainer**>) {
                if (argument) lem_trainer_release(*argument);
            }
        };
        std::apply([&](auto... each) { (one(each), ...); }, arguments);
    }

    template <size_t... places, typename... Arguments>
    void call_each(const char* name, lem_result (*function)(Arguments...), std::index_sequence<places...>) {
        (call_without<places>(name, function), ...);
    }
    template <typename... Arguments>
    void check(const char* name, lem_result (*function)(Arguments...)) {
        call_each(name, function, std::index_sequence_for<Arguments...>{});
    }
    template <typename Result, typename... Arguments>
    void check(const char*, Result (*)(Arguments...)) {} // release and retain

    Scratch scratch;
    std::string path;
    alignas(16) std::array<unsigned char, 4096> memory{};
    lem_progress progress{};
    lem_metrics metrics{};
    lem_device_desc desc = LEM_DEVICE_DESC_INIT;
    GraphMaker maker;
    Tensor tensor_;
    Plan plan;
    Model model;
    Dataset dataset;
    Optimizer optimizer;
    Schedule schedule;
    Trainer trainer;
    Predictor predictor;
};

TEST_F(ApiNullOneAtATime, EveryFunction) {
#define X(name) check(#name, name);
#include "symbols.inc"
#undef X
}
