/* The catalogue of arrays: every pattern of (pointer, length) in objects.h, under the name that a language's typemap has.
 * Each language implements all of them before it includes lemnos.i; that file and the language's interface use no other.
 *
 * Given by the language, read during the call:
 *   (const void *data, int64_t bytes)          DATA IN      any dense memory (Python: a buffer; Java: a direct ByteBuffer from
 *                                              its position to its limit; C#: a pointer pinned for the call)
 *   (const float *values, int64_t elements)    FLOATS IN    dense float32
 *   (const int32_t *labels, int64_t count)     LABELS       dense int32
 *   (const int64_t *shape, int32_t rank)       SHAPE        a short list; copied
 *   (const int32_t *values, int32_t count)     VALUES       a short list; copied
 *   (const double *mean, int32_t mean_count)   NUMBERS      a short list; copied
 *   (const double *deviation, int32_t deviation_count)      the same
 *
 * Lent by the language, filled during the call. The memory of the caller itself, never of a copy: what cannot be filled in
 * place (not dense, read-only, of another type) is refused with a sentence that says why.
 *   (void *data, int64_t bytes)                DATA OUT
 *   (float *out, int64_t elements)             FLOATS OUT
 *
 * Returned:
 *   lemnos::binding::Shape                     SHAPE OUT    an array of 64-bit integers
 *   lemnos::binding::Values                    VALUES OUT   an array of 32-bit integers
 *
 * Rules. Lengths come from the memory, so the caller cannot give a wrong one; whether it is the right one the library says.
 * Types are checked where the language knows them. Memory that was pinned or borrowed belongs to a local C++ object of the
 * typemap, whose destructor gives it back: so it lasts for the whole call and goes on every way out of the wrapper, which
 * `freearg` does not promise where a failure returns early.
 * Handles are never passed as arrays: see Bindings in objects.h.
 *
 * This file holds what is the same everywhere: the other names under which the patterns occur. It is included by the
 * language's interface after its own typemaps.
 */

%define LEMNOS_APPLY_BUFFERS
%apply (const double *NUMBERS, int32_t NUMBER_COUNT) {
    (const double *mean, int32_t mean_count), (const double *deviation, int32_t deviation_count)
}
%apply (const int32_t *VALUES, int32_t VALUE_COUNT) { (const int32_t *values, int32_t count) }
%apply (const int64_t *SHAPE, int32_t RANK) { (const int64_t *shape, int32_t rank) }
%apply (const int32_t *LABELS, int64_t LABEL_COUNT) { (const int32_t *labels, int64_t count) }
%apply (const void *DATA_IN, int64_t BYTES) { (const void *data, int64_t bytes) }
%apply (void *DATA_OUT, int64_t BYTES) { (void *data, int64_t bytes) }
%apply (const float *FLOATS_IN, int64_t ELEMENTS) { (const float *values, int64_t elements) }
%apply (float *FLOATS_OUT, int64_t ELEMENTS) { (float *out, int64_t elements) }
%enddef
