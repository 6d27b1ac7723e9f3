// The objects of lemnos.h as C++ classes, which SWIG gives to every language. What all of them share:
//
//   * A failed call throws Failure, with the sentence that lem_last_error() had in the same call.
//   * An object owns one reference. close() gives it back at once, also while another thread is in a call on
//     the object: that call keeps the handle to its end, later ones throw. So no language has to count calls.
//     The object itself goes when the language's collector takes it.
//   * What lemnos.h wants used by one thread at a time is locked for a call; so is a model against changes.
//   * Texts are copied, structures with a struct_size are plain values, results that mean "not done" are
//     booleans.
//
// A new function of lemnos.h is one line here, in the class that its name says; a test asks for it. Names are
// those of lemnos.h (lem_tensor_write is Tensor::write), but for those of arrays, which are buffers.i's.
#pragma once

#include <lemnos/lemnos.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

namespace lemnos::binding {

// ---- results ----------------------------------------------------------------------------------------------

class Failure : public std::exception {
  public:
    Failure(int32_t code, std::string sentence, int64_t step = -1)
        : code_(code), step_(step), sentence_(std::move(sentence)) {}
    int32_t code() const { return code_; }
    int64_t step() const { return step_; } // of a training, where it failed there; else -1
    const char* what() const noexcept override { return sentence_.c_str(); }

  private:
    int32_t code_;
    int64_t step_;
    std::string sentence_;
};

#ifndef SWIG
// The exception that is being handled. None may pass from here into a language.
inline Failure current_failure() {
    try {
        throw;
    } catch (const Failure& failure) {
        return failure;
    } catch (const std::bad_alloc&) {
        return {LEM_ERROR_OUT_OF_HOST_MEMORY, "There is not enough memory."};
    } catch (const std::exception& error) {
        return {LEM_ERROR_INTERNAL, error.what()};
    } catch (...) {
        return {LEM_ERROR_INTERNAL, "An exception of no known type was thrown."};
    }
}

inline lem_result check(lem_result result) {
    if (result < 0) throw Failure(result, lem_last_error());
    return result;
}

// A text ends at its first zero for C; what a language would lose there is refused.
inline const char* terminated(const std::string& text) {
    if (text.find('\0') != std::string::npos)
        throw Failure(LEM_ERROR_INVALID_ARGUMENT,
                      "A text that is given to Lemnos must not contain a zero character.");
    return text.c_str();
}

// What a function gives through its last argument.
template <typename Handle, typename Call>
Handle* made(Call&& call) {
    Handle* handle = nullptr;
    check(call(&handle));
    return handle;
}

template <typename Call>
std::string text_of(Call&& call) {
    const std::unique_ptr<lem_text, void (*)(lem_text*)> text(made<lem_text>(call), lem_text_release);
    return {lem_text_data(text.get()), size_t(lem_text_bytes(text.get()))};
}
#endif

// Fails as a call of the library does, with any code: for the tests of a language.
inline void fail_for_tests(int32_t code, const std::string& sentence, int64_t step) {
    throw Failure(code, sentence, step);
}

#ifndef SWIG
inline std::atomic<int64_t> live_handles{0};
#endif
// How many handles of the library all objects of a language hold: for the tests that nothing leaks.
inline int64_t live_for_tests() { return live_handles; }

// ---- values -----------------------------------------------------------------------------------------------

// Arrays that are returned; buffers.i turns them into arrays of the language.
struct Shape {
    int64_t extents[8];
    int32_t rank;
};
using Values = std::vector<int32_t>;

// Of lem_model_input.
struct ModelInput {
    int32_t height, width, channels, classes;
};

// Of lem_image_size.
struct ImageSize {
    int32_t height, width;
};

// ---- handles ----------------------------------------------------------------------------------------------

#ifndef SWIG
// The lines of a device's log, kept for a language that asks for them: no thread of the engine calls into a
// language.
class Log {
  public:
    static void add(void* log, const char* line) {
        Log& self = *static_cast<Log*>(log);
        const std::lock_guard lock(self.mutex_);
        if (self.lines_.size() == most) self.lines_.pop_front();
        self.lines_.emplace_back(line);
    }
    std::string take() {
        const std::lock_guard lock(mutex_);
        std::string text;
        for (const std::string& line : lines_) text += line + '\n';
        lines_.clear();
        return text;
    }

  private:
    static constexpr size_t most = 10000;
    std::mutex mutex_;
    std::deque<std::string> lines_;
};

// Shared by all that use a model, alone for what changes it. Whoever waits for a change holds the door, or
// users that overlap without end would keep it waiting.
class ModelLock {
  public:
    std::shared_lock<std::shared_mutex> use() {
        const std::lock_guard through(door_);
        return std::shared_lock(users_);
    }
    std::unique_lock<std::shared_mutex> change() {
        const std::lock_guard held(door_);
        return std::unique_lock(users_);
    }

  private:
    std::mutex door_;
    std::shared_mutex users_;
};

// What objects share with those that they were made from.
struct Family {
    std::shared_ptr<Log> log = {};         // outlives every handle on its device
    std::shared_ptr<ModelLock> model = {}; // of a model and what runs it
};

enum class Threads { any, one };

// One reference of a handle. `Threads` is what lemnos.h allows.
template <typename Handle, void (*release)(Handle*), Threads threads = Threads::any>
class Object {
    struct State {
        Handle* handle;
        Family family;
        std::mutex alone = {};
        State(Handle* owned, Family shared) : handle(owned), family(std::move(shared)) { ++live_handles; }
        ~State() {
            release(handle);
            --live_handles;
        }
    };

  public:
    // A handle in use: it lives and is locked until the end of the expression.
    class Use {
      public:
        Use(std::shared_ptr<State> state, bool changes) : state_(std::move(state)) {
            if constexpr (threads == Threads::one) alone_ = std::unique_lock(state_->alone);
            ModelLock* const model = state_->family.model.get();
            if (model && changes) changing_ = model->change();
            if (model && !changes) using_ = model->use();
        }
        operator Handle*() const { return state_->handle; }

      private:
        std::shared_ptr<State> state_;
        std::unique_lock<std::mutex> alone_;
        std::shared_lock<std::shared_mutex> using_;
        std::unique_lock<std::shared_mutex> changing_;
    };

    Use use() const { return {state(), false}; }
    Use change() const { return {state(), true}; }
    Family family() const { return state()->family; }

    void close() { // the last one who uses the handle releases it, outside of our lock
        std::shared_ptr<State> closed;
        const std::lock_guard lock(mutex_);
        closed.swap(state_);
    }
    bool closed() const {
        const std::lock_guard lock(mutex_);
        return !state_;
    }

  protected:
    Object(const char* kind, Handle* handle, Family family = {})
        : kind_(kind), state_(new State{handle, std::move(family)}) {}

  private:
    std::shared_ptr<State> state() const {
        const std::lock_guard lock(mutex_);
        if (!state_) throw Failure(LEM_ERROR_INVALID_STATE, std::string("This ") + kind_ + " was closed.");
        return state_;
    }

    const char* kind_;
    mutable std::mutex mutex_;
    std::shared_ptr<State> state_;
};
#endif

// ---- the library ------------------------------------------------------------------------------------------

inline int32_t version() { return lem_version(); }
inline std::string build_info() { return lem_build_info(); }
inline std::string result_name(int32_t result) { return lem_result_name(result); }
inline std::string operators_json() { return text_of(lem_operators_json); }
inline std::string options_json(const std::string& kind) {
    return text_of([&](lem_text** out) { return lem_options_json(terminated(kind), out); });
}
inline std::string devices_json() { return text_of(lem_devices_json); }
inline std::string summary_json(const std::string& name, const std::string& options) {
    return text_of(
        [&](lem_text** out) { return lem_summary_json(terminated(name), terminated(options), out); });
}
inline ImageSize image_size(const std::string& path) {
    ImageSize size{};
    check(lem_image_size(terminated(path), &size.height, &size.width));
    return size;
}
inline void image_read(const std::string& path, int32_t height, int32_t width, int32_t channels, void* data,
                       int64_t bytes) {
    check(lem_image_read(terminated(path), height, width, channels, data, bytes));
}
inline void image_write_png(const std::string& path, const void* data, int64_t bytes, int32_t height,
                            int32_t width, int32_t channels) {
    check(lem_image_write_png(terminated(path), data, bytes, height, width, channels));
}

// ---- devices and tensors ----------------------------------------------------------------------------------

class Device : public Object<lem_device, lem_device_release> {
  public:
    // wanted: "" for $LEMNOS_DEVICE, else the first; memory_limit: 0 for none; keep_log: for take_log().
    Device(const std::string& wanted, int64_t memory_limit, bool disk_cache, bool keep_log)
        : Device(wanted, memory_limit, disk_cache, std::shared_ptr<Log>(keep_log ? new Log : nullptr)) {}
    // Not Object::close: what is on the device goes, the handle stays and says so when it is used.
    void close() { check(lem_device_close(use())); }
    std::string info_json() const {
        return text_of([&](lem_text** out) { return lem_device_info_json(use(), out); });
    }
    std::string counters_json() const {
        return text_of([&](lem_text** out) { return lem_device_counters_json(use(), out); });
    }
    void profile_start(const std::string& options) const {
        check(lem_device_profile_start(use(), terminated(options)));
    }
    std::string profile_stop() const {
        return text_of([&](lem_text** out) { return lem_device_profile_stop(use(), out); });
    }
    std::string tune_json(const std::string& problem) const {
        return text_of([&](lem_text** out) { return lem_device_tune(use(), terminated(problem), out); });
    }
    std::string tuning() const {
        return text_of([&](lem_text** out) { return lem_device_tuning(use(), out); });
    }
    void load_tuning(const std::string& tuning) const { check(lem_device_load_tuning(use(), terminated(tuning))); }
    // False when the time was up before the work was done.
    bool wait(int64_t ticket, int64_t timeout_ns) const {
        return check(lem_device_wait(use(), ticket, timeout_ns)) == LEM_OK;
    }
    // The lines of the log since it was last taken, of a device that keeps it.
    std::string take_log() const {
        const std::shared_ptr<Log> log = family().log;
        return log ? log->take() : std::string();
    }

#ifndef SWIG
  private:
    Device(const std::string& wanted, int64_t memory_limit, bool disk_cache, std::shared_ptr<Log> log)
        : Object("device", made<lem_device>([&](lem_device** out) {
                     lem_host host = LEM_HOST_INIT;
                     host.user = log.get();
                     host.log = Log::add;
                     lem_device_desc desc = LEM_DEVICE_DESC_INIT;
                     desc.wanted = wanted.empty() ? nullptr : terminated(wanted);
                     desc.no_disk_cache = !disk_cache;
                     desc.memory_limit = memory_limit;
                     desc.host = log ? &host : nullptr;
                     return lem_device_open(&desc, out);
                 }),
                 {log, nullptr}) {}
#endif
};

class Tensor : public Object<lem_tensor, lem_tensor_release> {
  public:
    Tensor(const Device& device, lem_dtype dtype, const int64_t* shape, int32_t rank)
        : Object("tensor", made<lem_tensor>([&](lem_tensor** out) {
                     return lem_tensor_create(device.use(), dtype, shape, rank, out);
                 }),
                 device.family()) {}
    void write(const void* data, int64_t bytes) const { check(lem_tensor_write(use(), data, bytes)); }
    void read(void* data, int64_t bytes) const { check(lem_tensor_read(use(), data, bytes)); }
    lem_dtype dtype() const {
        lem_dtype dtype{};
        check(lem_tensor_dtype(use(), &dtype));
        return dtype;
    }
    int64_t bytes() const {
        int64_t bytes = 0;
        check(lem_tensor_bytes(use(), &bytes));
        return bytes;
    }
    Shape shape() const {
        Shape shape{};
        check(lem_tensor_shape(use(), shape.extents, 8, &shape.rank));
        return shape;
    }
};

// ---- graphs and plans -------------------------------------------------------------------------------------

class Graph : public Object<lem_graph, lem_graph_release, Threads::one> {
  public:
    Graph() : Object("graph", made<lem_graph>(lem_graph_create)) {}
    int32_t input(const std::string& name, lem_dtype dtype, const int64_t* shape, int32_t rank) const {
        int32_t value = 0;
        check(lem_graph_input(use(), terminated(name), dtype, shape, rank, &value));
        return value;
    }
    int32_t op(const std::string& op, const int32_t* values, int32_t count,
               const std::string& attributes) const {
        int32_t value = 0;
        check(lem_graph_op(use(), terminated(op), values, count, terminated(attributes), &value));
        return value;
    }
    int32_t result(int32_t value, int32_t index) const {
        int32_t result = 0;
        check(lem_graph_result(use(), value, index, &result));
        return result;
    }
    Shape shape(int32_t value) const {
        Shape shape{};
        check(lem_graph_shape(use(), value, shape.extents, 8, &shape.rank));
        return shape;
    }
    Values gradients(int32_t loss, const int32_t* values, int32_t count, int32_t seed) const {
        Values gradients(size_t(count), 0);
        check(lem_graph_gradients(use(), loss, values, count, seed, gradients.data()));
        return gradients;
    }
    std::string json() const {
        return text_of([&](lem_text** out) { return lem_graph_json(use(), out); });
    }
};

// Which tensors the values of a graph are bound to. One call a pair spares every language an array of
// objects.
class Bindings {
  public:
    Bindings() = default;
    void bind(int32_t value, const Tensor& tensor) {
        tensors_.push_back(tensor.use());
        values_.push_back(value);
    }

#ifndef SWIG
    lem_plan* plan(const Device& device, const Graph& graph) const {
        const std::vector<lem_tensor*> tensors(tensors_.begin(), tensors_.end());
        return made<lem_plan>([&](lem_plan** out) {
            return lem_plan_create(device.use(), graph.use(), values_.data(), tensors.data(),
                                   int32_t(values_.size()), out);
        });
    }

  private:
    std::vector<int32_t> values_;
    std::vector<Tensor::Use> tensors_;
#endif
};

class Plan : public Object<lem_plan, lem_plan_release> {
  public:
    Plan(const Device& device, const Graph& graph, const Bindings& bindings)
        : Object("plan", bindings.plan(device, graph), device.family()) {}
    int64_t workspace() const {
        int64_t bytes = 0;
        check(lem_plan_workspace(use(), &bytes));
        return bytes;
    }
    int64_t run_async() const {
        int64_t ticket = 0;
        check(lem_plan_run_async(use(), &ticket));
        return ticket;
    }
    void run() const { check(lem_plan_run(use())); }
};

// ---- data -------------------------------------------------------------------------------------------------

class Dataset : public Object<lem_dataset, lem_dataset_release> {
  public:
    static Dataset* open(const std::string& path, const std::string& split, const std::string& options) {
        return new Dataset(made<lem_dataset>([&](lem_dataset** out) {
            return lem_dataset_open(terminated(path), terminated(split), terminated(options), out);
        }));
    }
    static Dataset* create(const void* data, int64_t bytes, const int32_t* labels, int64_t count,
                           int32_t height, int32_t width, int32_t channels, int32_t classes) {
        return new Dataset(made<lem_dataset>([&](lem_dataset** out) {
            return lem_dataset_create(data, bytes, labels, count, height, width, channels, classes, out);
        }));
    }
    std::string info_json() const {
        return text_of([&](lem_text** out) { return lem_dataset_info_json(use(), out); });
    }
    // Fills the pixels and returns the label.
    int32_t read(int64_t index, void* data, int64_t bytes) const {
        int32_t label = 0;
        check(lem_dataset_read(use(), index, data, bytes, &label));
        return label;
    }
    // Fills five floats a box, as many boxes as there is room for, and returns how many there are.
    int64_t boxes(int64_t index, float* out, int64_t elements) const {
        int64_t count = 0;
        check(lem_dataset_boxes(use(), index, out, elements / 5, &count));
        return count;
    }

#ifndef SWIG
  private:
    explicit Dataset(lem_dataset* handle) : Object("data set", handle) {}
#endif
};

// ---- models -----------------------------------------------------------------------------------------------

class Model : public Object<lem_model, lem_model_release> {
  public:
    static Model* build(const Device& device, const std::string& name, const std::string& options,
                        int64_t seed) {
        return new Model(device, made<lem_model>([&](lem_model** out) {
                             return lem_model_build(device.use(), terminated(name), terminated(options), seed,
                                                    out);
                         }));
    }
    static Model* load(const Device& device, const std::string& path) {
        return new Model(device, made<lem_model>([&](lem_model** out) {
                             return lem_model_load(device.use(), terminated(path), out);
                         }));
    }
    void load_weights(const std::string& path) const {
        check(lem_model_load_weights(change(), terminated(path)));
    }
    std::string load_matching(const std::string& path) const {
        return text_of(
            [&](lem_text** out) { return lem_model_load_matching(change(), terminated(path), out); });
    }
    void save(const std::string& path) const { check(lem_model_save(use(), terminated(path))); }
    std::string summary_json() const {
        return text_of([&](lem_text** out) { return lem_model_summary_json(use(), out); });
    }
    ModelInput input() const {
        ModelInput size{};
        check(lem_model_input(use(), &size.height, &size.width, &size.channels, &size.classes));
        return size;
    }
    void set_pixels(const double* mean, int32_t mean_count, const double* deviation,
                    int32_t deviation_count) const {
        if (mean_count != deviation_count)
            throw Failure(LEM_ERROR_INVALID_ARGUMENT,
                          "The mean (" + std::to_string(mean_count) + " numbers) and the deviation (" +
                              std::to_string(deviation_count) + ") must have one number a channel each.");
        check(lem_model_set_pixels(change(), mean, deviation, mean_count));
    }
    void prepare(const Dataset& dataset) const { check(lem_model_prepare(change(), dataset.use())); }
    void set_class_names(const std::string& names) const { check(lem_model_set_class_names(change(), terminated(names))); }
    void set_alpha(const std::string& layers, double alpha) const {
        check(lem_model_set_alpha(use(), terminated(layers), alpha));
    }
    std::string alpha_json() const {
        return text_of([&](lem_text** out) { return lem_model_alpha_json(use(), out); });
    }
    std::string kernels_json(const std::string& options) const {
        return text_of([&](lem_text** out) { return lem_model_kernels_json(use(), terminated(options), out); });
    }
    void read(const std::string& parameter, float* out, int64_t elements) const {
        check(lem_model_read(use(), terminated(parameter), out, elements));
    }
    void write(const std::string& parameter, const float* values, int64_t elements) const {
        check(lem_model_write(use(), terminated(parameter), values, elements));
    }
    lem_metrics evaluate(const Dataset& dataset, int32_t batch) const {
        lem_metrics metrics = LEM_METRICS_INIT;
        check(lem_model_evaluate(use(), dataset.use(), batch, &metrics));
        return metrics;
    }
    std::string evaluate_boxes_json(const Dataset& dataset, const std::string& options) const {
        return text_of([&](lem_text** out) { return lem_model_evaluate_boxes(use(), dataset.use(), terminated(options), out); });
    }

#ifndef SWIG
  private:
    // The log is the device's, the lock is the model's own.
    Model(const Device& device, lem_model* handle)
        : Object("model", handle, {device.family().log, std::make_shared<ModelLock>()}) {}
#endif
};

// ---- training ---------------------------------------------------------------------------------------------

class Optimizer : public Object<lem_optimizer, lem_optimizer_release> {
  public:
    Optimizer(const std::string& name, const std::string& options)
        : Object("optimizer", made<lem_optimizer>([&](lem_optimizer** out) {
                     return lem_optimizer_create(terminated(name), terminated(options), out);
                 })) {}
};

class Schedule : public Object<lem_schedule, lem_schedule_release> {
  public:
    Schedule(const std::string& name, const std::string& options)
        : Object("schedule", made<lem_schedule>([&](lem_schedule** out) {
                     return lem_schedule_create(terminated(name), terminated(options), out);
                 })) {}
    double factor(int64_t step, int64_t steps, int64_t steps_per_epoch) const {
        double factor = 0;
        check(lem_schedule_factor(use(), step, steps, steps_per_epoch, &factor));
        return factor;
    }
    std::string plan_json(const Optimizer& optimizer, const std::string& options) const {
        return text_of([&](lem_text** out) {
            return lem_schedule_plan_json(use(), optimizer.use(), terminated(options), out);
        });
    }
};

class Trainer : public Object<lem_trainer, lem_trainer_release, Threads::one> {
  public:
    Trainer(const Model& model, const Dataset& dataset, const Optimizer& optimizer, const Schedule& schedule,
            const std::string& options)
        : Object("trainer", made<lem_trainer>([&](lem_trainer** out) {
                     return lem_trainer_create(model.use(), dataset.use(), optimizer.use(), schedule.use(),
                                               terminated(options), out);
                 }),
                 model.family()) {}
    // False when all epochs were done already.
    bool step() const {
        const auto trainer = use();
        return check_training(trainer, lem_trainer_step(trainer)) == LEM_OK;
    }
    lem_progress progress(bool wait) const {
        const auto trainer = use();
        lem_progress progress = LEM_PROGRESS_INIT;
        check_training(trainer, lem_trainer_progress(trainer, wait, &progress));
        return progress;
    }
    void save(const std::string& path) const { check(lem_trainer_save(use(), terminated(path))); }
    void resume(const std::string& path) const { check(lem_trainer_resume(change(), terminated(path))); }
    void log(const std::string& tag, double value) const { check(lem_trainer_log(use(), terminated(tag), value)); }
    void swap_average() const { check(lem_trainer_swap_average(change())); }

#ifndef SWIG
  private:
    // A failure with the step that the training had come to. Asking for that fails, too, once for each step that is still
    // under way and has diverged as well.
    static lem_result check_training(lem_trainer *trainer, lem_result result) {
        if (result >= 0) return result;
        const std::string sentence = lem_last_error(); // before another call may change it
        lem_progress progress = LEM_PROGRESS_INIT;
        for (int i = 0; i < 64 && lem_trainer_progress(trainer, 0, &progress) < 0; ++i) {}
        throw Failure(result, sentence, progress.step > 0 ? progress.step : -1);
    }
#endif
};

// ---- prediction -------------------------------------------------------------------------------------------

class Predictor : public Object<lem_predictor, lem_predictor_release, Threads::one> {
  public:
    Predictor(const Model& model, int32_t batch, const std::string& options)
        : Object("predictor", made<lem_predictor>([&](lem_predictor** out) {
                     return lem_predictor_create(model.use(), batch, terminated(options), out);
                 }),
                 model.family()) {}
    std::string info_json() const {
        return text_of([&](lem_text** out) { return lem_predictor_info_json(use(), out); });
    }
    void run(const void* data, int64_t bytes, int32_t count, float* out, int64_t elements) const {
        check(lem_predictor_run(use(), data, bytes, count, out, elements));
    }
};

} // namespace lemnos::binding
