#include "data/cifar.h"

#include "support/error.h"
#include "support/file.h"

#include <array>
#include <string_view>
#include <vector>

namespace lemnos {
namespace {

constexpr RecordShape cifar_shape = {32, 32, 3};
constexpr size_t plane_bytes = 32 * 32;
constexpr int64_t largest_cifar_file = int64_t(16) << 30;

// A form of the data: where its files are, and what a record looks like.
struct Form {
    const char* name;
    const char* train; // names begin with this and end in .bin
    const char* test;
    const char* class_names;
    size_t label_bytes; // the last of them is the label
    int classes;
};
constexpr std::array<Form, 3> forms = {
    {{"CIFAR-10", "data_batch_", "test_batch", "batches.meta.txt", 1, 10},
     {"CIFAR-10", "cifar10_train_", "cifar10_test_", "batches.meta.txt", 1, 10},
     {"CIFAR-100", "train.bin", "test.bin", "fine_label_names.txt", 2, 100}}};

std::vector<std::string> matching(const std::vector<FolderEntry>& entries, std::string_view beginning) {
    std::vector<std::string> names;
    for (const FolderEntry& entry : entries)
        if (!entry.folder && entry.name.starts_with(beginning) && entry.name.ends_with(".bin"))
            names.push_back(entry.name);
    return names;
}

struct Records {
    std::vector<uint8_t> pixels;
    std::vector<int32_t> labels;
};

void append_file(const std::string& path, const Form& form, Records& records) {
    const size_t record_bytes = form.label_bytes + 3 * plane_bytes;
    const std::vector<uint8_t> file = read_file(path, largest_cifar_file);
    if (file.empty() || file.size() % record_bytes != 0)
        fail(ErrorCode::file_malformed, "The ", form.name, " file \"", path, "\" has ", file.size(),
             " bytes; a whole number of records of ", record_bytes, " bytes is needed.");
    const size_t count = file.size() / record_bytes;
    const size_t before = records.labels.size();
    records.labels.resize(before + count);
    records.pixels.resize((before + count) * 3 * plane_bytes);
    for (size_t i = 0; i < count; ++i) {
        const uint8_t* record = file.data() + i * record_bytes;
        const int label = record[form.label_bytes - 1];
        if (label >= form.classes)
            fail(ErrorCode::file_malformed, "The ", form.name, " file \"", path, "\" has the label ", label,
                 " at record ", i, " (0 to ", form.classes - 1, ").");
        records.labels[before + i] = label;
        const uint8_t* planes = record + form.label_bytes;
        uint8_t* out = records.pixels.data() + (before + i) * 3 * plane_bytes;
        for (size_t pixel = 0; pixel < plane_bytes; ++pixel)
            for (size_t plane = 0; plane < 3; ++plane) *out++ = planes[plane * plane_bytes + pixel];
    }
}

} // namespace

std::unique_ptr<Dataset> open_cifar_folder(const std::string& folder, const std::string& split) {
    const std::vector<FolderEntry> entries = list_folder(folder);
    for (const Form& form : forms) {
        const std::vector<std::string> train = matching(entries, form.train),
                                       test = matching(entries, form.test);
        if (train.empty() && test.empty()) continue;
        const std::vector<std::string>& files = split == "train" ? train : test;
        if ((split != "train" && split != "test") || files.empty())
            fail(ErrorCode::not_found, "The folder \"", folder, "\" holds ", form.name,
                 " files, but none of the split \"", split, "\" (those of train begin with ", form.train,
                 ", those of test with ", form.test, ").");

        std::vector<std::string> names = read_class_names(folder + "/" + form.class_names);
        if (names.empty()) names = number_names(form.classes);
        if (static_cast<int>(names.size()) != form.classes)
            fail(ErrorCode::file_malformed, "The file \"", folder, "/", form.class_names, "\" names ",
                 names.size(), " classes; ", form.name, " has ", form.classes, ".");
        Records records;
        for (const std::string& name : files) append_file(folder + "/" + name, form, records);
        return std::make_unique<MemoryDataset>(split, cifar_shape, std::move(records.pixels),
                                               std::move(records.labels), std::move(names));
    }
    return nullptr;
}

} // namespace lemnos
