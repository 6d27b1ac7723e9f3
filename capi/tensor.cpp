// Tensors: memory on a device.
#include "guard.h"

using namespace lemnos;
using namespace lemnos::capi;

lem_result lem_tensor_create(lem_device* device, lem_dtype dtype, const int64_t* shape, int32_t rank,
                             lem_tensor** out) {
    return guarded([&] {
        clear(out);
        need(device, "device");
        need(out, "out");
        TensorType type{need_dtype(dtype), need_shape(shape, rank)};
        const auto lock = enter(*device);
        const int64_t bytes = type.bytes(), most = device->device->profile().max_buffer_bytes;
        if (bytes > most)
            fail(ErrorCode::out_of_device_memory, "The tensor ", to_string(type), " (", bytes,
                 " bytes) is larger than one allocation of ", device->device->info().name, " (", most,
                 " bytes).");
        BufferView view{Buffer::create(device->device, BufferKind::device, bytes, "tensor"), 0, bytes};
        device->device->fill(*view.buffer, 0, view.buffer->bytes(), 0);
        *out = new lem_tensor(*device, std::move(type), std::move(view));
    });
}

void lem_tensor_retain(lem_tensor* tensor) { retain(tensor); }
void lem_tensor_release(lem_tensor* tensor) { release(tensor); }

lem_result lem_tensor_write(lem_tensor* tensor, const void* data, int64_t bytes) {
    return guarded([&] {
        need(tensor, "tensor");
        need(data, "data");
        const auto lock = enter(*tensor);
        need_bytes(bytes, tensor->view.bytes, "bytes");
        tensor->view.write(data);
    });
}

lem_result lem_tensor_read(lem_tensor* tensor, void* data, int64_t bytes) {
    return guarded([&] {
        need(tensor, "tensor");
        need(data, "data");
        const auto lock = enter(*tensor);
        need_bytes(bytes, tensor->view.bytes, "bytes");
        tensor->view.read(data);
    });
}

lem_result lem_tensor_dtype(lem_tensor* tensor, lem_dtype* out) {
    return guarded([&] {
        clear(out);
        need(out, "out") = lem_dtype(int32_t(need(tensor, "tensor").type.dtype));
    });
}

lem_result lem_tensor_bytes(lem_tensor* tensor, int64_t* out) {
    return guarded([&] {
        clear(out);
        need(out, "out") = need(tensor, "tensor").view.bytes;
    });
}

lem_result lem_tensor_shape(lem_tensor* tensor, int64_t* out_shape, int32_t capacity, int32_t* out_rank) {
    return guarded([&] {
        clear(out_rank);
        give_shape(need(tensor, "tensor").type.shape, out_shape, capacity, out_rank);
    });
}
