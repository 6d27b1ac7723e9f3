/* lemnos.h — train and run convolutional networks on any Vulkan device. C99 and C++11; this header is the manual.
 *
 * The objects, from the bottom up:
 *   lem_device      a Vulkan device                     lem_dataset     labelled images, from files or memory
 *   lem_tensor      memory on it                        lem_optimizer   how parameters are updated
 *   lem_graph       operators and their gradients       lem_schedule    the learning rate over time
 *   lem_plan        a graph compiled for a device       lem_trainer     all of these, training a model
 *   lem_model       a network with its parameters       lem_predictor   a model at work on images
 *   lem_text        a text that a function returns
 *
 * RULES, the same everywhere
 *
 * Results.  A call that can fail returns lem_result: 0 is success, negative is failure, positive is "not an error, but not
 *   done". After a failure lem_last_error() holds a whole sentence, per thread; outputs are set to NULL or 0 (arrays of
 *   pixels and numbers that the caller lends are then unspecified).
 * Handles.  A function that creates returns one reference; retain adds one, release takes one away and does nothing for
 *   NULL. Release is legal in any order and from any thread, and never changes the last error. It does not wait for the
 *   device, unless the last of all handles on a device goes, which closes it. Objects keep what they depend on alive. A
 *   NULL handle is LEM_ERROR_INVALID_ARGUMENT, never a crash.
 * Close.  lem_device_close() waits, then frees everything on the device. Handles that survive may still be released; using
 *   them gives LEM_ERROR_DEVICE_CLOSED (what needs no device, such as a tensor's shape, still answers).
 * Threads.  Devices, tensors, plans, models, data sets, optimizers and schedules: any thread. Graphs, trainers and
 *   predictors: one thread at a time. Texts are immutable. Functions that change a model (…_load_weights,
 *   …_load_matching, …_set_pixels, …_set_class_names, …_prepare; of its trainer …_resume, …_swap_average) want it alone;
 *   …_set_alpha does not.
 * Texts.  UTF-8, zero-terminated. A text given to a function is read during the call only.
 * Options.  Many functions take "options": a JSON object such as {"width": 0.35, "resolution": 96}. Values are numbers,
 *   true, false, texts and lists of numbers. NULL or "" means all defaults. An unknown name or a value out of range is
 *   refused with a sentence that gives the nearest name or the range; lem_options_json() lists every option with its
 *   default, range and meaning.
 * Layout.  Images and activations are NHWC (batch, height, width, channels), row-major and dense, so pixels as a camera
 *   gives them are a tensor already. Convolution weights are HWIO on the device; files hold them in torchvision's order.
 * Structures.  Begin with struct_size; initialise them with their LEM_..._INIT macro. They grow only at the end. A program
 *   compiled with a newer header may run with an older library as long as what that library does not know is zero; it is
 *   LEM_ERROR_UNSUPPORTED otherwise.
 */
#ifndef LEMNOS_LEMNOS_H
#define LEMNOS_LEMNOS_H

#include <stdint.h>

#define LEM_VERSION_MAJOR 0
#define LEM_VERSION_MINOR 1
#define LEM_VERSION_PATCH 0

#ifndef LEM_API
#if defined(_WIN32)
#define LEM_API __declspec(dllimport)
#elif defined(__GNUC__)
#define LEM_API __attribute__((visibility("default")))
#else
#define LEM_API
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lem_device lem_device;
typedef struct lem_tensor lem_tensor;
typedef struct lem_graph lem_graph;
typedef struct lem_plan lem_plan;
typedef struct lem_model lem_model;
typedef struct lem_dataset lem_dataset;
typedef struct lem_optimizer lem_optimizer;
typedef struct lem_schedule lem_schedule;
typedef struct lem_trainer lem_trainer;
typedef struct lem_predictor lem_predictor;
typedef struct lem_text lem_text;

/* ---- results ---------------------------------------------------------------------------------------------------- */

/* The values are permanent and never reused. */
typedef enum lem_result {
    LEM_OK = 0,
    LEM_NOT_READY = 1,                     /* a wait reached its timeout; nothing is wrong                         */
    LEM_FINISHED = 2,                      /* a trainer has no step left                                           */
    LEM_ERROR_INVALID_ARGUMENT = -10,      /* a value is outside what is allowed                                   */
    LEM_ERROR_INVALID_STATE = -11,         /* the call does not fit the object's state                             */
    LEM_ERROR_NOT_FOUND = -12,             /* no file, operator, model … of that name                              */
    LEM_ERROR_OUT_OF_HOST_MEMORY = -20,
    LEM_ERROR_OUT_OF_DEVICE_MEMORY = -21,
    LEM_ERROR_UNSUPPORTED = -30,           /* this device or build cannot do it                                    */
    LEM_ERROR_NO_DEVICE = -31,             /* no Vulkan loader, driver or matching device; the text says what to do */
    LEM_ERROR_DEVICE_LOST = -40,           /* sticky: close the device and open it again                           */
    LEM_ERROR_DEVICE_CLOSED = -41,
    LEM_ERROR_TIMEOUT = -42,
    LEM_ERROR_FILE_UNREADABLE = -50,       /* the system refused to read it                                        */
    LEM_ERROR_FILE_MALFORMED = -51,        /* it was read, and is not what it should be                            */
    LEM_ERROR_FILE_UNWRITABLE = -52,       /* nothing was written; an existing file is as it was                   */
    LEM_ERROR_INTERNAL = -90,              /* a fault of the library; please report the text                       */
    LEM_RESULT_FORCE_32 = 0x7fffffff
} lem_result;

/* The sentence of the last failed call on this thread; never NULL; valid until this thread's next failure. */
LEM_API const char *lem_last_error(void);
/* "LEM_ERROR_NOT_FOUND" for -12, and so on; "an unknown result" for values this version does not know. */
LEM_API const char *lem_result_name(int32_t result);

/* ---- the library ------------------------------------------------------------------------------------------------ */

/* The version of the library at run time: major * 1000000 + minor * 1000 + patch. */
LEM_API int32_t lem_version(void);
/* One line: version, build type, shader-set hash. */
LEM_API const char *lem_build_info(void);
/* All operators as JSON: name, summary, inputs, outputs, attributes (kind, default, range, help), has_gradient. */
LEM_API lem_result lem_operators_json(lem_text **out);
/* The options of one kind of thing as a JSON array: name, summary and options (name, kind, default, minimum, maximum,
   choices, help) of each. kind: "model", "optimizer", "schedule", "trainer", "predictor", "dataset", "profile". */
LEM_API lem_result lem_options_json(const char *kind, lem_text **out);

/* The characters of a text; valid while the text is; "" for NULL. */
LEM_API const char *lem_text_data(const lem_text *text);
/* Its length in bytes without the terminating zero. */
LEM_API int64_t lem_text_bytes(const lem_text *text);
LEM_API void lem_text_release(lem_text *text);

/* ---- devices ---------------------------------------------------------------------------------------------------- */

/* The devices of this machine as a JSON array, the preferred one first: index, name, type ("discrete", "integrated",
   "virtual", "cpu", "other"), driver, uuid, api_version ("1.3.255"), memory_bytes. LEM_ERROR_NO_DEVICE where there is no
   Vulkan. */
LEM_API lem_result lem_devices_json(lem_text **out);

/* The log. The environment variable LEMNOS_VERBOSE lists topics ("plan,run", or "all"); where it is not set there are warnings
   alone. A line an event, its fields separated by commas; names within it have none: lemnos, 1 (the version of this format), the
   topic, the event, and what belongs to it, mostly as pairs of a name and a value. Later versions of the library add pairs at the end.
     plan        compiled,NAME,dispatches,N,barriers,N,submissions,N,workspace,BYTES,lower_bound,BYTES,flops,N
                 dispatch,NAME,INDEX,operator,NAME,layer,NAME,shader,NAME,specialisation,CONSTANTS,workgroups,XxYxZ,bytes,N,
                   flops,N,variant,NAME,refused,REASONS    one a dispatch; "-" where there is none
     run         submit,NAME,ticket,N,submissions,N,host_us,MICROSECONDS    one a replay: what it took to submit it
     memory      buffer,NAME,BYTES,TOTAL and freed,BYTES,TOTAL: TOTAL is what is in use afterwards
     pipeline    create,SHADER,specialisation,CONSTANTS,subgroup,SIZE,milliseconds,N,cache,hit|miss|unknown,buffers,N    (cache: what
                   the driver says)
                 compile,SHADER,specialisation,CONSTANTS,milliseconds,N,place,here|elsewhere    where the driver compiles at the
                   first dispatch: on this device, or on another that is opened to share the work among processors;
                   uncompiled,WHY where that failed
                 cache,loaded|ignored|saved,BYTES and cache,absent|unsaved,WHY
     validation  what Khronos validation layers say, where one is active
     warning     a sentence                              error       what could be told in no other way */

/* Hooks of the host, all optional. They may be called from any thread and must neither throw nor call Lemnos. */
typedef struct lem_host {
    int32_t struct_size;
    int32_t reserved;                                              /* 0 */
    void *user;                                                    /* handed to every hook */
    void (*log)(void *user, const char *line);                     /* lines of the log, above; NULL: they go to standard
                                                                      error */
} lem_host;
#define LEM_HOST_INIT {(int32_t)sizeof(lem_host), 0, 0, 0}

typedef struct lem_device_desc {
    int32_t struct_size;
    int32_t no_disk_cache;    /* 1: compiled pipelines are not kept in the user's cache folder                     */
    const char *wanted;       /* an index, a UUID or a part of the name; NULL: $LEMNOS_DEVICE, else the first       */
    int64_t memory_limit;     /* bytes of device memory this device may use; 0: no limit                            */
    const lem_host *host;     /* copied; may be NULL                                                                */
} lem_device_desc;
#define LEM_DEVICE_DESC_INIT {(int32_t)sizeof(lem_device_desc), 0, 0, 0, 0}

/* Opens a device with a Vulkan instance of its own. desc may be NULL: all defaults. */
LEM_API lem_result lem_device_open(const lem_device_desc *desc, lem_device **out);
/* Waits for all work, then frees every object on the device; idempotent. */
LEM_API lem_result lem_device_close(lem_device *device);
LEM_API void lem_device_retain(lem_device *device);
/* Releasing the last reference of a device and of everything on it waits and closes it. */
LEM_API void lem_device_release(lem_device *device);
/*
 * This device's entry of lem_devices_json(), with subgroup_size, kernel_family, the limits in use, and
 *   kernels           the families of kernels in use by name; those for matrix units (coopmat, coopmat2: of mixed precision
 *                     alone) with the sizes of their matrices
 *   rejected_kernels  by name why a kernel is not used: it computed something wrong, or did not compile, when it was checked
 *                     before its first use on this device
 */
LEM_API lem_result lem_device_info_json(lem_device *device, lem_text **out);
/* Live counters as JSON: memory_bytes, buffers, allocations, pipelines, descriptor_writes, submissions,
   validation_messages (of Khronos validation layers, where one is active). memory_bytes and buffers are those alive now;
   the others count since the device was opened. */
LEM_API lem_result lem_device_counters_json(lem_device *device, lem_text **out);
/* Waits until the work of a ticket (of lem_plan_run_async) is done. LEM_NOT_READY after timeout_ns nanoseconds;
   a negative timeout waits a day. A ticket that was never given out is LEM_ERROR_INVALID_ARGUMENT. */
LEM_API lem_result lem_device_wait(lem_device *device, int64_t ticket, int64_t timeout_ns);

/* Seeing what a device does. Between start and stop everything that runs on the device is timed by its own clock, whoever
   submits it: plans, steps of a trainer, predictions, evaluations. Nothing has to be made anew for that. A profile keeps about
   two million events and then leaves out what follows.
   Options (lem_options_json("profile")): dispatches (true: each by itself, which makes it wait for the one before and costs
   some microseconds; false: submissions alone, which run as they would without a profile) and ceilings (true).
   LEM_ERROR_UNSUPPORTED where the device has no timestamps, LEM_ERROR_INVALID_STATE where a profile is under way. */
LEM_API lem_result lem_device_profile_start(lem_device *device, const char *options);
/* Waits for all work, ends the profile and gives it as JSON: a file that https://ui.perfetto.dev and chrome://tracing open as it
   is. LEM_ERROR_INVALID_STATE where none is under way.
     traceEvents  Chrome's trace events, in microseconds since the start. The host's lanes hold submissions and waits, the
                  device's lane submissions and in them the dispatches (args: operator, layer, shader, flops, bytes, ...)
     profile      seconds (of the host, from start to stop), device_seconds (that the device worked), dispatch_seconds,
                  submissions, left_out (submissions), clock_error_seconds (by which the lanes of host and device may be
                  shifted), device, driver; ceilings: flops_per_second of multiply-adds without loads and bytes_per_second of
                  streams without arithmetic, measured at the end of the same run (null where not);
                  dispatches[], those of every plan in its order: plan, phase ("forward", "backward"; of a plan without
                  gradients its name), layer, operator, shader, specialisation (constants), variant and refused (what a menu of
                  kernels chose, and not), workgroups, flops, bytes (of its operands, each once), runs, seconds (of all runs),
                  median_seconds (of one), arithmetic_seconds and memory_seconds (of one run at either ceiling),
                  ceiling_share (the longer of the two / median_seconds) and bound, which of them that is ("arithmetic" or
                  "memory") */
LEM_API lem_result lem_device_profile_stop(lem_device *device, lem_text **out);

/* ---- kernels ---------------------------------------------------------------------------------------------------- */

/* Several kernels compute the same convolution. Which one does is a function of the device and of the convolution, unless a
   decision says otherwise. Decisions are made by lem_device_tune() or taken over by lem_device_load_tuning(), never by
   themselves, and are kept in the user's cache folder (not with no_disk_cache). What was compiled before keeps its kernels.
   Other kernels round differently: with the same decisions results are the same bits, and a checkpoint repeats its own.
   The environment variable LEMNOS_KERNELS, read when a device is opened, holds names separated by commas. A kernel's name
   ("direct", "winograd.4"; "winograd" for all of its forms) prefers it wherever it fits. "scalar" and "tiled" are the families
   that a device's kernels are of; with one of them named, matrix units ("coopmat", "coopmat2") work only where they are named,
   too, as they do anyhow on CPU devices. What follows a "-" is never used: "-coopmat2", "tiled,-winograd.4".

   The convolutions of a model's plans as a JSON array: problem (a text that names it), times (that a plan computes it), macs,
   kernel (what computes it now). options: batch (1), train (false: a predictor's plan; true: a training's, in micro-batches
   as a trainer cuts that batch, its backward passes too), precision ("f32" or "mixed"). */
LEM_API lem_result lem_model_kernels_json(lem_model *model, const char *options, lem_text **out);
/* Times every kernel that can compute a problem and keeps the fastest as a decision. Each is compared with a kernel that runs
   on every device before it is timed. It takes about a second, in which the device should have nothing else to do. JSON:
   problem, default, best, default_seconds, best_seconds, noise (a part of the time; best differs from default only where it
   gains more), and candidates[]: kernel, seconds, refused (why it was not timed, else ""). */
LEM_API lem_result lem_device_tune(lem_device *device, const char *problem, lem_text **out);
/* The decisions in use, as they are kept: a line of JSON that says which device and which kernels they hold for, then one a
   problem with best, default, best_seconds and default_seconds. Made to be shipped: see lem_device_load_tuning(). */
LEM_API lem_result lem_device_tuning(lem_device *device, lem_text **out);
/* Takes decisions that lem_device_tuning() gave in place of those in use; "" clears them. Refused with a sentence where they
   hold for another kind of device or for another version of the library's kernels. */
LEM_API lem_result lem_device_load_tuning(lem_device *device, const char *tuning);

/* ---- tensors ---------------------------------------------------------------------------------------------------- */

typedef enum lem_dtype {
    LEM_DTYPE_F32 = 1,
    LEM_DTYPE_F16 = 2,
    LEM_DTYPE_I32 = 16,
    LEM_DTYPE_U8 = 32,
    LEM_DTYPE_FORCE_32 = 0x7fffffff
} lem_dtype;

/* A tensor of zeros. shape: rank extents of at least 1; rank 0 to 8, 0 being one number (shape may then be NULL). */
LEM_API lem_result lem_tensor_create(lem_device *device, lem_dtype dtype, const int64_t *shape, int32_t rank,
                                     lem_tensor **out);
LEM_API void lem_tensor_retain(lem_tensor *tensor);
LEM_API void lem_tensor_release(lem_tensor *tensor);
/* Copies the whole tensor; bytes must be its size exactly. Ordered after all work submitted so far; returns when the copy
   is done and data may be reused. */
LEM_API lem_result lem_tensor_write(lem_tensor *tensor, const void *data, int64_t bytes);
LEM_API lem_result lem_tensor_read(lem_tensor *tensor, void *data, int64_t bytes);
LEM_API lem_result lem_tensor_dtype(lem_tensor *tensor, lem_dtype *out);
LEM_API lem_result lem_tensor_bytes(lem_tensor *tensor, int64_t *out);
/* Writes up to capacity extents to out_shape (which may be NULL when capacity is 0) and the rank to out_rank. */
LEM_API lem_result lem_tensor_shape(lem_tensor *tensor, int64_t *out_shape, int32_t capacity, int32_t *out_rank);

/* ---- graphs ----------------------------------------------------------------------------------------------------- */

/* An empty graph. It needs no device. Values of a graph are numbers; they belong to that graph alone. A failed call leaves
   the graph as it was. */
LEM_API lem_result lem_graph_create(lem_graph **out);
LEM_API void lem_graph_release(lem_graph *graph);
/* A value that is bound to a tensor when the graph is compiled. Names are unique in a graph. */
LEM_API lem_result lem_graph_input(lem_graph *graph, const char *name, lem_dtype dtype, const int64_t *shape,
                                   int32_t rank, int32_t *out_value);
/* Adds an operator by name. inputs: values, -1 for an optional input that is left out. attributes: a JSON object or NULL.
   Shapes are checked and inferred now; out_value is the operator's first result. lem_operators_json() lists the names. */
LEM_API lem_result lem_graph_op(lem_graph *graph, const char *op, const int32_t *inputs, int32_t input_count,
                                const char *attributes, int32_t *out_value);
/* A further result (index 1, 2, …) of the operator that value came from. */
LEM_API lem_result lem_graph_result(lem_graph *graph, int32_t value, int32_t index, int32_t *out_value);
LEM_API lem_result lem_graph_shape(lem_graph *graph, int32_t value, int64_t *out_shape, int32_t capacity,
                                   int32_t *out_rank);
/* Adds the gradients of loss with respect to wrt_count values. loss has one element, or seed is a value of its shape that
   weighs its elements; seed -1: one. A value that loss does not depend on gets zeros. */
LEM_API lem_result lem_graph_gradients(lem_graph *graph, int32_t loss, const int32_t *wrt, int32_t wrt_count,
                                       int32_t seed, int32_t *out_values);
/* The graph as JSON: nodes[], each an operator (op, inputs, attributes) or a leaf (leaf, name, dtype, shape). A value that
   is an operator's first result, or an input, is the number of its node. */
LEM_API lem_result lem_graph_json(lem_graph *graph, lem_text **out);

/* ---- plans ------------------------------------------------------------------------------------------------------ */

/* Compiles a graph: values[i] is bound to tensors[i]. Every input that the results need, and every result that is to be
   kept, must be bound; what is not needed is not computed. Types and shapes must be equal, a result needs a tensor of its
   own, and all tensors are on that device. Memory is planned, pipelines and command buffers are made: all slow work happens
   here. The plan keeps its tensors alive; the graph may be released or added to afterwards. */
LEM_API lem_result lem_plan_create(lem_device *device, lem_graph *graph, const int32_t *values,
                                   lem_tensor *const *tensors, int32_t count, lem_plan **out);
LEM_API void lem_plan_release(lem_plan *plan);
/* Bytes of device memory the plan uses beyond its tensors. */
LEM_API lem_result lem_plan_workspace(lem_plan *plan, int64_t *out_bytes);
/* Submits the plan and returns at once; runs on one device follow each other in the order of submission. Tickets rise. */
LEM_API lem_result lem_plan_run_async(lem_plan *plan, int64_t *out_ticket);
/* Submits the plan and waits for it. */
LEM_API lem_result lem_plan_run(lem_plan *plan);

/* ---- models ----------------------------------------------------------------------------------------------------- */

/* The layers, parameters and multiply-accumulates of an architecture as JSON, without a device: name, task ("classify" or
   "detect"), parameters, macs, input, classes (of a detector without the background), anchors (of a detector), layers[]
   (name, operators, output, parameters, macs). MACs count convolutions and linear layers for one image. */
LEM_API lem_result lem_summary_json(const char *name, const char *options, lem_text **out);
/* Builds an architecture by name ("mobilenet_v2") and fills its parameters from the seed. */
LEM_API lem_result lem_model_build(lem_device *device, const char *name, const char *options, int64_t seed,
                                   lem_model **out);
/* Loads a model that lem_model_save or a trainer wrote: safetensors with the graph in its metadata. */
LEM_API lem_result lem_model_load(lem_device *device, const char *path, lem_model **out);
/* Replaces the parameters by those of a safetensors file in torchvision's names and order (f32, f16 or bf16). Every
   parameter of the model must be there in its shape; nothing is changed otherwise, and the first five that differ are named. */
LEM_API lem_result lem_model_load_weights(lem_model *model, const char *path);
/* For fine-tuning: takes from a file the tensors that it has in the model's names and shapes; the others keep their values. The
   preparation of pixels becomes what those weights expect: that of a Lemnos model of as many channels, or, for files from
   elsewhere, the one that the model was built with. out_report: JSON with loaded (how many), pixels (true: their preparation
   was set), absent[] (from the file), differ[] (names with both shapes) and unused[] (the file's own); may be NULL.
   LEM_ERROR_FILE_MALFORMED, and nothing is changed, when no tensor fits. */
LEM_API lem_result lem_model_load_matching(lem_model *model, const char *path, lem_text **out_report);
/* Writes the model atomically: an existing file is replaced only by a complete one. */
LEM_API lem_result lem_model_save(lem_model *model, const char *path);
LEM_API void lem_model_retain(lem_model *model);
LEM_API void lem_model_release(lem_model *model);
/* As lem_summary_json, with class_names, and mean and deviation of the pixels. */
LEM_API lem_result lem_model_summary_json(lem_model *model, lem_text **out);
/* Height, width and channels of the input, and the number of classes. Outputs that are not wanted may be NULL. */
LEM_API lem_result lem_model_input(lem_model *model, int32_t *out_height, int32_t *out_width, int32_t *out_channels,
                                   int32_t *out_classes);
/* How 8-bit pixels become the network's input: (pixel / 255 - mean) / deviation, one number a channel; in a
   model that was built those that published weights of its architecture expect. Trainers and predictors that exist already keep what they were made with. */
LEM_API lem_result lem_model_set_pixels(lem_model *model, const double *mean, const double *deviation, int32_t channels);
/* Names of the classes: a JSON list of one text a class. */
LEM_API lem_result lem_model_set_class_names(lem_model *model, const char *names);
/* Takes the class names, and the mean and deviation of the pixels, from a data set; a detector keeps the pixels that its
   architecture expects. To be called once, when a new model is to be trained on it and before its trainer is made. */
LEM_API lem_result lem_model_prepare(lem_model *model, lem_dataset *dataset);
/* Inference example weighing (Summers and Dinneen, arXiv 1906.03548): at inference each image's own moments weigh alpha (0 to
   1), the running ones 1 - alpha, as raw moments, in every layer of batch normalisation whose name fits layers ("*": all; *
   is any text, ? any character). 0, the value of a new model, is ordinary inference. Evaluations and predictors that exist see
   it, without compiling anything anew but where the first alpha that is not 0 is set. Saved with the model.
   LEM_ERROR_NOT_FOUND when no layer fits. */
LEM_API lem_result lem_model_set_alpha(lem_model *model, const char *layers, double alpha);
/* proposal: 1 / the images that were normalised together in training, with which an output is bounded as it was there (0:
   the model was not trained here); layers[]: name and alpha of each layer of batch normalisation. */
LEM_API lem_result lem_model_alpha_json(lem_model *model, lem_text **out);
/* A parameter's or running statistic's elements by name, as f32 in the file's order. elements must be its size. */
LEM_API lem_result lem_model_read(lem_model *model, const char *parameter, float *out, int64_t elements);
LEM_API lem_result lem_model_write(lem_model *model, const char *parameter, const float *values, int64_t elements);

/* ---- data ------------------------------------------------------------------------------------------------------- */

/* Opens a folder of labelled images; what lies in it decides the format. With a class each: IDX files (MNIST, Fashion-MNIST;
   also .gz), CIFAR-10/100 binary batches, or <split>/<class>/ folders of PNG and JPEG files. With boxes:
     boxes.csv             a line a box under the header file,width,height,class,xmin,ymin,xmax,ymax,split in any order (width,
                           height and split may be left out); pixels from 0; images in images/ or beside it
     Pascal VOC            Annotations/, JPEGImages/, ImageSets/Main/<split>.txt; pixels from 1, the last ones included
     COCO                  annotations/instances_<split>*.json, or <split>/_annotations.coco.json; pixels from 0
   split: "train", "test" or "val". Image files are scaled to the options height and width, which they need. The option
   class_names, a list of texts, names the classes (and of boxes says which there are). Options: lem_options_json("dataset").
   Boxes are checked: those outside of their image (by more than a pixel), without an area or of an unknown class are errors
   that name the line, unless the option skip_bad leaves them out. */
LEM_API lem_result lem_dataset_open(const char *path, const char *split, const char *options, lem_dataset **out);
/* A data set from memory: count images, u8 NHWC, and their labels 0 … classes-1. Both are copied. */
LEM_API lem_result lem_dataset_create(const void *pixels, int64_t bytes, const int32_t *labels, int64_t count,
                                      int32_t height, int32_t width, int32_t channels, int32_t classes,
                                      lem_dataset **out);
LEM_API void lem_dataset_retain(lem_dataset *dataset);
LEM_API void lem_dataset_release(lem_dataset *dataset);
/* size, height, width, channels, classes, class_names, task ("classify" or "detect": the images have boxes), boxes (in all),
   most_boxes (of an image), skipped (images, boxes: how many skip_bad left out; first[]: what was wrong) as JSON. */
LEM_API lem_result lem_dataset_info_json(lem_dataset *dataset, lem_text **out);
/* One image: u8 HWC pixels (bytes = height*width*channels) and its label, -1 where images have boxes. */
LEM_API lem_result lem_dataset_read(lem_dataset *dataset, int64_t index, void *pixels, int64_t bytes, int32_t *out_label);

/* The boxes of an image, five floats each: class, top, left, bottom, right (fractions of the image). Writes at most capacity
   boxes to out_boxes (which may be NULL when capacity is 0) and their number to out_count. COCO's crowds are among them;
   most_boxes, the largest number to train on, leaves them out. */
LEM_API lem_result lem_dataset_boxes(lem_dataset *dataset, int64_t index, float *out_boxes, int64_t capacity,
                                     int64_t *out_count);

/* The height and width of an image file (PNG, JPEG), in pixels. Outputs that are not wanted may be NULL. */
LEM_API lem_result lem_image_size(const char *path, int32_t *out_height, int32_t *out_width);
/* Decodes an image file (PNG, JPEG) and resizes it to the given size: u8 HWC, channels 1 or 3. */
LEM_API lem_result lem_image_read(const char *path, int32_t height, int32_t width, int32_t channels, void *pixels,
                                  int64_t bytes);
/* Writes u8 HWC pixels as a PNG file, atomically. */
LEM_API lem_result lem_image_write_png(const char *path, const void *pixels, int64_t bytes, int32_t height,
                                       int32_t width, int32_t channels);

/* ---- training --------------------------------------------------------------------------------------------------- */

/* How parameters are updated: "sgd", "adagrad", "adadelta", "rmsprop", "rmsprop_tf", "adam", "adamw", "nadam", "radam",
   "adabelief", "lars", "lamb", "lion"; names, defaults and semantics of PyTorch where it has the optimizer. Each takes rate,
   weight_decay, maximize and lookahead; lem_options_json("optimizer") lists all options with ranges and sources. */
LEM_API lem_result lem_optimizer_create(const char *name, const char *options, lem_optimizer **out);
LEM_API void lem_optimizer_release(lem_optimizer *optimizer);
/* The learning rate and the batch over time. Of the rate, as a factor of the optimizer's: "constant", "step", "multi_step",
   "exponential", "polynomial", "cosine", "one_cycle", "linear", "untuned_linear", "untuned_exponential", and "chain", which
   puts them one after the other. Of the batch (Smith et al., arXiv 1711.00489): "decay_rate", "grow_batch", "hybrid",
   "increase_rate", "increase_momentum", and "adaptive", which grows the batch as the measured noise of the gradient asks
   for. Most take the option warmup (below 1 a fraction of the training, else a number of steps).
   Options: lem_options_json("schedule"). */
LEM_API lem_result lem_schedule_create(const char *name, const char *options, lem_schedule **out);
LEM_API void lem_schedule_release(lem_schedule *schedule);
/* The factor by which a schedule of the rate multiplies the optimizer's at a step (0 … steps-1), warm-up included. */
LEM_API lem_result lem_schedule_factor(lem_schedule *schedule, int64_t step, int64_t steps, int64_t steps_per_epoch,
                                       double *out_factor);

/* What a training will do, as JSON, before it starts. The optimizer gives the base rate and the momentum; options:
   examples (needed), epochs, batch, micro_batch, tail ("drop" or "include"), points (of the curve, 200).
     phases    first_epoch, epochs, batch, rate, momentum, steps_per_epoch, steps; noise = rate / (1 - momentum) *
               (examples / batch - 1), the scale of SGD's noise, and approximate_noise, the same without the 1
     updates   the number of parameter updates: exact (examples / batch), drop_last, include_tail
     steps     by the tail asked for
     curve     epoch, rate and batch at equal distances
   An adaptive schedule is described as it starts. */
LEM_API lem_result lem_schedule_plan_json(lem_schedule *schedule, lem_optimizer *optimizer, const char *options,
                                          lem_text **out);

/* Where a training stands. */
typedef struct lem_progress {
    int32_t struct_size;
    int32_t epoch;             /* that loss and accuracy belong to, from 0                                         */
    int64_t step, steps;       /* parameter updates submitted so far, and in all (adaptive: as it stands now)      */
    int64_t images;            /* training images that the device has finished                                     */
    double loss, accuracy;     /* means over the finished images of that epoch; accuracy in 0 … 1                  */
    double rate;               /* the learning rate of the last step                                               */
    double seconds;            /* since the first step after the trainer was made or resumed                       */
    double images_per_second;  /* over the last seconds                                                            */
    int64_t batch;             /* images of the next step                                                          */
    int64_t next_epoch;        /* that the next step belongs to; the number of epochs when all are done            */
    double gradient_norm;      /* of the last finished step, before clipping                                       */
    double noise_batch;        /* the batch whose gradient is half noise, where it is measured; else 0             */
    double loss_scale;         /* of the last finished step; 1 without loss scaling                                */
    int64_t skipped_steps;     /* whose gradients were not finite, under loss scaling                              */
} lem_progress;
#define LEM_PROGRESS_INIT {(int32_t)sizeof(lem_progress), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

typedef struct lem_metrics {
    int32_t struct_size;
    int32_t reserved;
    int64_t images, correct;   /* every image of the data set is counted once                                      */
    double loss, accuracy;     /* mean cross-entropy; correct / images                                             */
    double seconds;
} lem_metrics;
#define LEM_METRICS_INIT {(int32_t)sizeof(lem_metrics), 0, 0, 0, 0, 0, 0}

/* A trainer for a model on a data set. Options: lem_options_json("trainer"), above all batch, micro_batch, epochs, seed.
   Everything is compiled here; later steps allocate nothing. The trainer updates the model's own parameters.
   precision: with "mixed" activations and their gradients lie in memory as f16 and the loss is scaled, while sums, weights,
   statistics and the optimizer stay f32 (LEM_ERROR_UNSUPPORTED on a device without 16-bit storage).
   memory_limit is what the activations of a micro-batch may take, in bytes: where they would take more, some are computed again in
   the backward pass instead of kept, as little work as will do, and the results stay the same bit for bit. Without it
   the device's own limit, if it has one, is kept likewise. LEM_ERROR_OUT_OF_DEVICE_MEMORY where a limit cannot be kept, with
   the least that is possible; a smaller micro_batch takes less. */
LEM_API lem_result lem_trainer_create(lem_model *model, lem_dataset *dataset, lem_optimizer *optimizer,
                                      lem_schedule *schedule, const char *options, lem_trainer **out);
LEM_API void lem_trainer_release(lem_trainer *trainer);
/* Makes one parameter update. It returns once the work is submitted, at most a few steps ahead of the device.
   LEM_FINISHED when all epochs are done; nothing is done then. LEM_ERROR_INVALID_STATE when the loss or a gradient of an
   earlier step is no finite number: the training has diverged. The message names the step and the first such parameter;
   that step has changed no parameter. With the option loss_scaling such steps are skipped and counted instead. A step that
   fails is made anew by the next call. */
LEM_API lem_result lem_trainer_step(lem_trainer *trainer);
/* Metrics are those of the steps that the device has finished; with wait = 1 (else 0) all submitted steps are waited
   for. */
LEM_API lem_result lem_trainer_progress(lem_trainer *trainer, int32_t wait, lem_progress *out);
/* Writes parameters, statistics, optimizer state and position, atomically. A run resumed from it gives the weights of the
   unbroken run, bit for bit, on the same device. The file is also a model for lem_model_load. */
LEM_API lem_result lem_trainer_save(lem_trainer *trainer, const char *path);
/* Continues from a checkpoint made with the same model, optimizer and options; refused otherwise, with a sentence that says
   what differs. */
LEM_API lem_result lem_trainer_resume(lem_trainer *trainer, const char *path);

/* Adds a number to the trainer's event file, at the step it stands at: "test/accuracy". The file, which TensorBoard shows, is
   in the folder of the trainer's option events, and has train/loss, train/accuracy, train/rate, train/batch and
   train/gradient_norm of every step. LEM_ERROR_INVALID_STATE where that option was not given. */
LEM_API lem_result lem_trainer_log(lem_trainer *trainer, const char *tag, double value);

/* Exchanges the model's weights and their moving average (the trainer's option average), to evaluate or save the average;
   a second call exchanges them back, which the next step needs. LEM_ERROR_INVALID_STATE where no average is kept. */
LEM_API lem_result lem_trainer_swap_average(lem_trainer *trainer);

/* Evaluates a model on every image of a data set. batch: images at a time, 0 for a good default. */
LEM_API lem_result lem_model_evaluate(lem_model *model, lem_dataset *dataset, int32_t batch, lem_metrics *out);

/* Measures a detector on every image of a data set with boxes. options: batch (0: a good default), score (the least that
   counts, 0.01), overlap (for suppression; default: the model's), limit (objects of an image, 100), precision (as of predictors). JSON:
   images, boxes, seconds, and the mean over classes of the average precision (mAP): map_50 (VOC 2010 and later: area under the curve, at an
   overlap of 0.5), map_50_voc2007 (of 11 points), map_coco (0.50, 0.55 ... 0.95), map_coco_50, map_coco_75; classes[]: name,
   boxes, ap_50 and so on (null where there are no boxes: such a class counts in no mean), and curve[]: recall, precision and
   score after each detection at 0.5, by falling score. */
LEM_API lem_result lem_model_evaluate_boxes(lem_model *model, lem_dataset *dataset, const char *options, lem_text **out);

/* ---- prediction ------------------------------------------------------------------------------------------------- */

/* Compiles a model for batch images at a time. Normalisations become part of the convolutions before them, in memory of the
   predictor's own. It sees later changes of the model's parameters and running statistics.
   Options, above all for MobileNetV2, whose inner tensors are its largest: an expansion, a depthwise convolution and a
   projection (each with batch normalisation) are a sum over the channels between them, so such a block can run in groups of
   channels, one after the other, with the same number of multiplications and results that are equal to rounding.
     memory_limit    bytes of activations; blocks are split, in as few groups as will do, until all fits.
                     LEM_ERROR_OUT_OF_DEVICE_MEMORY where it cannot, with the least that is possible
     channel_groups  so many groups in every block that can be split; 1: never split; 0: chosen by the limit
     least_memory    true: as little memory as there can be
     precision       "mixed": activations lie in memory as f16, at half the size; sums stay f32 ("f32"). LEM_ERROR_UNSUPPORTED
                     on a device without 16-bit storage
     score           of a detector: the least score of an object (0.3)
     overlap         of a detector: of two boxes of one class that overlap more the weaker goes; -1: the model's own (-1)
     limit           of a detector: the most objects of an image (100)
   LEM_ERROR_UNSUPPORTED for channel_groups where no block can be split. Models that weigh images' own moments (…_set_alpha)
   are never split: a limit that was kept in groups is then refused, also by the first run after such a change. */
LEM_API lem_result lem_predictor_create(lem_model *model, int32_t batch, const char *options, lem_predictor **out);
/* What a predictor takes and gives, as JSON: task ("classify" or "detect"), height, width, channels, class_names (numbers as
   texts where the model has none), outputs (floats an image), workspace_bytes (activations and temporaries),
   workspace_bytes_without (the same if no block ran in groups), folded_bytes (filters and biases with their normalisation),
   and blocks, those that can be split: name, channels (inner ones), groups (1: not split). */
LEM_API lem_result lem_predictor_info_json(lem_predictor *predictor, lem_text **out);
LEM_API void lem_predictor_release(lem_predictor *predictor);
/* Results of count images (u8 NHWC in the model's input size; any count, run in batches), one after the other, each of the
   "outputs" of lem_predictor_info_json floats; elements = count * outputs. Of a classifier the probability of each class. Of a
   detector rows of 6 floats by falling score: class, score, top, left, bottom, right (fractions of the image); there are as
   many rows as the option limit says, and the class of those beyond the last object is -1. */
LEM_API lem_result lem_predictor_run(lem_predictor *predictor, const void *pixels, int64_t bytes, int32_t count,
                                     float *out_results, int64_t elements);

#ifdef __cplusplus
}
#endif
#endif /* LEMNOS_LEMNOS_H */
