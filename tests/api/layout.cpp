// The layout of the structures of version 0.1. Members may be added at the end; what is here never moves.
#include <lemnos/lemnos.h>

#include <cstddef>

static_assert(sizeof(lem_result) == 4 && sizeof(lem_dtype) == 4, "");

static_assert(sizeof(lem_host) >= 24 && offsetof(lem_host, struct_size) == 0 &&
                  offsetof(lem_host, reserved) == 4 && offsetof(lem_host, user) == 8 &&
                  offsetof(lem_host, log) == 16,
              "");

static_assert(sizeof(lem_device_desc) >= 32 && offsetof(lem_device_desc, struct_size) == 0 &&
                  offsetof(lem_device_desc, no_disk_cache) == 4 && offsetof(lem_device_desc, wanted) == 8 &&
                  offsetof(lem_device_desc, memory_limit) == 16 && offsetof(lem_device_desc, host) == 24,
              "");

static_assert(sizeof(lem_progress) >= 72 && offsetof(lem_progress, struct_size) == 0 &&
                  offsetof(lem_progress, epoch) == 4 && offsetof(lem_progress, step) == 8 &&
                  offsetof(lem_progress, steps) == 16 && offsetof(lem_progress, images) == 24 &&
                  offsetof(lem_progress, loss) == 32 && offsetof(lem_progress, accuracy) == 40 &&
                  offsetof(lem_progress, rate) == 48 && offsetof(lem_progress, seconds) == 56 &&
                  offsetof(lem_progress, images_per_second) == 64,
              "");

static_assert(sizeof(lem_metrics) >= 48 && offsetof(lem_metrics, struct_size) == 0 &&
                  offsetof(lem_metrics, images) == 8 && offsetof(lem_metrics, correct) == 16 &&
                  offsetof(lem_metrics, loss) == 24 && offsetof(lem_metrics, accuracy) == 32 &&
                  offsetof(lem_metrics, seconds) == 40,
              "");

// The values of results and types are permanent.
static_assert(LEM_OK == 0 && LEM_NOT_READY == 1 && LEM_FINISHED == 2 && LEM_ERROR_INVALID_ARGUMENT == -10 &&
                  LEM_ERROR_INVALID_STATE == -11 && LEM_ERROR_NOT_FOUND == -12 &&
                  LEM_ERROR_OUT_OF_HOST_MEMORY == -20 && LEM_ERROR_OUT_OF_DEVICE_MEMORY == -21 &&
                  LEM_ERROR_UNSUPPORTED == -30 && LEM_ERROR_NO_DEVICE == -31 &&
                  LEM_ERROR_DEVICE_LOST == -40 && LEM_ERROR_DEVICE_CLOSED == -41 &&
                  LEM_ERROR_TIMEOUT == -42 && LEM_ERROR_FILE_UNREADABLE == -50 &&
                  LEM_ERROR_FILE_MALFORMED == -51 && LEM_ERROR_FILE_UNWRITABLE == -52 &&
                  LEM_ERROR_INTERNAL == -90,
              "");
static_assert(LEM_DTYPE_F32 == 1 && LEM_DTYPE_F16 == 2 && LEM_DTYPE_I32 == 16 && LEM_DTYPE_U8 == 32, "");
