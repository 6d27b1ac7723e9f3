// A model: an architecture with its parameters and running statistics on a device, and its file.
//
// Files are safetensors with torchvision's names and order: convolution filters OIHW, linear weights [out][in]; the
// device holds HWIO and [in][out]. The file's metadata carries the graph, so a model runs without its builder.
#pragma once

#include "io/safetensors.h"
#include "models/architecture.h"
#include "models/arena.h"
#include "plan/builder.h"

#include <atomic>
#include <mutex>

namespace lemnos {

// What became of a model's tensors when a file of another network was loaded.
struct MatchReport {
    int64_t loaded = 0;
    bool pixels = false;              // their preparation is the file's, or what published weights expect
    std::vector<std::string> absent;  // from the file
    std::vector<std::string> differ;  // "classifier.1.weight is 1000 x 1280 (10 x 1280 is needed)"
    std::vector<std::string> unused;  // tensors of the file that the model does not know
};

class Model {
  public:
    Model(std::shared_ptr<Device> device, Architecture architecture);

    const std::shared_ptr<Device>& device() const { return device_; }
    const Architecture& architecture() const { return architecture_; }
    void set_pixels(PixelPreparation pixels) { architecture_.pixels = std::move(pixels); }
    void set_class_names(std::vector<std::string> names) { architecture_.class_names = std::move(names); }
    const Arena& parameters() const { return parameters_; }
    const Arena& states() const { return states_; }
    BufferView anchors() const { return anchors_; } // of a detector: Detection::anchor_rows()
    // Where a tensor lies, by name.
    BufferView view(const std::string& name) const;
    // Differs once parameters or states have been written, by whomever: the host or a trainer.
    int64_t version() const { return parameters_.buffer->writes() + states_.buffer->writes(); }
    // Sets the weight of an image's own moments at inference, 0 to 1, in every layer of batch normalisation whose name fits
    // the pattern (* is any text); one that fits none is refused.
    void set_alpha(const std::string& pattern, double alpha);
    bool weighs() const { return weighs_; } // some alpha is not 0
    void set_trained_together(int64_t images);
    // The architecture as it is now: its alphas may be set by another thread.
    Architecture snapshot() const;
    Summary summary() const { return summarise(architecture_); }

    // Fills parameters and states as the architecture says; the same seed gives the same numbers on every machine.
    void initialise(uint64_t seed);

    // One tensor by name, in the file's order.
    std::vector<float> read(const std::string& name) const;
    void write(const std::string& name, const std::vector<float>& values);

    void save(const std::string& path) const;
    // Loads what save() or a trainer wrote.
    static std::shared_ptr<Model> load(std::shared_ptr<Device> device, const std::string& path);
    // Replaces all parameters and states by a file's, all or none; tensors the model does not know are ignored.
    void load_weights(const std::string& path);
    // Replaces those that the file has in the same name and shape, for fine-tuning, and takes the preparation of pixels where
    // the file says it; refused where none fits.
    MatchReport load_matching(const std::string& path);

    // Binds the leaves of an network that are parameters and states to this model's memory.
    void bind(const Network& network, Bindings& bindings) const;

  private:
    void write_alphas();
    const Segment& segment(const std::string& name, const Arena** arena) const;
    std::shared_ptr<Device> device_;
    Architecture architecture_;
    PixelPreparation built_pixels_; // as the architecture came, which published weights expect
    Arena parameters_, states_;
    Arena alphas_; // one number a layer of batch normalisation
    BufferView anchors_;
    std::atomic<bool> weighs_ = false;
    mutable std::mutex weighing_mutex_; // of the architecture's alpha and trained_together
};

// The parts of a file that a checkpoint shares with a model: tensors of arenas in the file's order, and the metadata.
class ModelWriter {
  public:
    void add(const Arena& arena, const std::string& prefix = "");
    void add_architecture(const Architecture& architecture);
    void add_metadata(const std::string& key, std::string value) { metadata_[key] = std::move(value); }
    void write(const std::string& path, Seal seal) const;

  private:
    std::vector<std::vector<float>> data_;
    std::vector<TensorToWrite> tensors_;
    std::map<std::string, std::string> metadata_;
};

// The arena's content from a file in its order: every segment must be there, in its shape; the first five that are not are
// named. Nothing is written to the device; the caller does that once all its arenas are read.
std::vector<float> read_arena(const SafetensorsFile& file, const ArenaLayout& layout, const std::string& prefix = "");
Architecture read_architecture(const SafetensorsFile& file);

} // namespace lemnos
