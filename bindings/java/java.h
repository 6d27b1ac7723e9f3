// Java's arrays and texts as those of C++, and failures as its exceptions.
#pragma once

#include <jni.h>

#include "objects.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <type_traits>

// ---- arrays ---------------------------------------------------------------------------------------------------------

// JNI's functions for one type of elements.
template <typename Element>
struct Jni;
#define LEMNOS_JNI(element, Name)                                                                                      \
    template <>                                                                                                        \
    struct Jni<element> {                                                                                              \
        using Array = element##Array;                                                                                  \
        static Array make(JNIEnv *env, jsize count) { return env->New##Name##Array(count); }                           \
        static void get(JNIEnv *env, Array array, jsize first, jsize count, element *to) {                             \
            env->Get##Name##ArrayRegion(array, first, count, to);                                                      \
        }                                                                                                              \
        static void set(JNIEnv *env, Array array, jsize first, jsize count, const element *from) {                     \
            env->Set##Name##ArrayRegion(array, first, count, from);                                                    \
        }                                                                                                              \
    };
LEMNOS_JNI(jbyte, Byte)
LEMNOS_JNI(jint, Int)
LEMNOS_JNI(jlong, Long)
LEMNOS_JNI(jfloat, Float)
LEMNOS_JNI(jdouble, Double)
#undef LEMNOS_JNI

inline void raise_failure(JNIEnv *env, const lemnos::binding::Failure &failure);

// Calls copy(first, count) for pieces of an array: between two of them the collector may do its work, as it may all the time
// that a device takes. No array is ever pinned.
template <typename Piece>
void in_pieces(jsize count, Piece &&copy) {
    constexpr jsize most = 1 << 18;
    for (jsize first = 0; first < count; first += most) copy(first, std::min(most, count - first));
}

// The elements of an array of Java's as long as a call lasts.
template <typename Array>
class Copy {
    using Element = std::conditional_t<
        std::is_same_v<Array, jfloatArray>, jfloat,
        std::conditional_t<std::is_same_v<Array, jdoubleArray>, jdouble,
                           std::conditional_t<std::is_same_v<Array, jlongArray>, jlong, jint>>>;
    using Native = std::conditional_t<std::is_same_v<Element, jlong>, int64_t, Element>;

  public:
    // Room for what the call writes; false after a failure, which then is Java's pending exception.
    bool lend(JNIEnv *env, Array array) {
        size_ = env->GetArrayLength(array);
        elements_.reset(new (std::nothrow) Element[size_t(size_)]);
        if (!elements_) raise_failure(env, {LEM_ERROR_OUT_OF_HOST_MEMORY, "There is not enough memory to copy an array."});
        return bool(elements_);
    }
    bool take(JNIEnv *env, Array array) {
        if (!lend(env, array)) return false;
        in_pieces(size_, [&](jsize first, jsize count) {
            Jni<Element>::get(env, array, first, count, elements_.get() + first);
        });
        return !env->ExceptionCheck();
    }
    void give(JNIEnv *env, Array array) const {
        in_pieces(size_, [&](jsize first, jsize count) {
            Jni<Element>::set(env, array, first, count, elements_.get() + first);
        });
    }
    Native *data() const { return reinterpret_cast<Native *>(elements_.get()); }
    jsize size() const { return size_; }

  private:
    std::unique_ptr<Element[]> elements_;
    jsize size_ = 0;
};

// A new array; null where Java's memory does not suffice, which then is its pending exception.
template <typename Element, typename Given>
typename Jni<Element>::Array give_array(JNIEnv *env, const Given *elements, size_t count) {
    static_assert(sizeof(Element) == sizeof(Given));
    const auto array = Jni<Element>::make(env, jsize(count));
    if (array) Jni<Element>::set(env, array, 0, jsize(count), reinterpret_cast<const Element *>(elements));
    return array;
}

inline bool take_text(JNIEnv *env, jbyteArray bytes, std::string &text) {
    try {
        text.resize(size_t(env->GetArrayLength(bytes)));
    } catch (const std::exception &) {
        raise_failure(env, {LEM_ERROR_OUT_OF_HOST_MEMORY, "There is not enough memory to copy a text."});
        return false;
    }
    env->GetByteArrayRegion(bytes, 0, jsize(text.size()), reinterpret_cast<jbyte *>(text.data()));
    return true;
}

// ---- failures -------------------------------------------------------------------------------------------------------

inline jclass failures = nullptr;
inline jmethodID failures_of = nullptr;

// The method of Java's that makes an exception, looked up once, with the class loader of this package.
extern "C" JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM *machine, void *) {
    JNIEnv *env = nullptr;
    if (machine->GetEnv(reinterpret_cast<void **>(&env), JNI_VERSION_10) != JNI_OK) return JNI_ERR;
    const jclass found = env->FindClass("org/lemnos/Failures");
    if (!found) return JNI_ERR;
    failures = static_cast<jclass>(env->NewGlobalRef(found));
    failures_of = env->GetStaticMethodID(found, "of", "(I[BJ)Lorg/lemnos/LemnosException;");
    return failures && failures_of ? JNI_VERSION_10 : JNI_ERR;
}

inline void raise_failure(JNIEnv *env, const lemnos::binding::Failure &failure) {
    const std::string sentence = failure.what();
    const jbyteArray bytes = give_array<jbyte>(env, sentence.data(), sentence.size());
    if (!bytes) return; // Java's own OutOfMemoryError is on its way
    const jobject exception =
        env->CallStaticObjectMethod(failures, failures_of, jint(failure.code()), bytes, jlong(failure.step()));
    if (!env->ExceptionCheck()) env->Throw(static_cast<jthrowable>(exception));
}

inline void need_floats(const lemnos::binding::Tensor &tensor) {
    if (tensor.dtype() == LEM_DTYPE_F32) return;
    throw lemnos::binding::Failure(LEM_ERROR_INVALID_ARGUMENT,
                                   "The tensor's elements are not f32; use a ByteBuffer instead of float[].");
}
