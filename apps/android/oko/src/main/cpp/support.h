// What the files of the native side share.
#pragma once

#include <jni.h>

#include <oko/oko.hpp>

#include <bit>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#define OKO_JNI(type, name) extern "C" JNIEXPORT type JNICALL Java_dev_oko_OkoNative_##name

namespace oko::jni {

using namespace oko::phone;

// Null if there is no memory: a Java exception is pending then.
jbyteArray bytes_of(JNIEnv* env, std::string_view text);
// byte[][], or null as above.
jobjectArray texts_of(JNIEnv* env, std::span<const std::string_view> texts);
// Empty if the array is null.
std::string text_of(JNIEnv* env, jbyteArray array);

// Empty if the array is null.
std::vector<float> floats_of(JNIEnv* env, jfloatArray array);
// Null if there is no memory for it.
jdoubleArray array_of(JNIEnv* env, std::span<const jdouble> numbers);

// Keeps a Java object alive. To be released in a Java thread.
std::shared_ptr<const void> keep(JNIEnv* env, jobject object);

// Throws an OkoException in Java, once the native method returns. `cause` may be null.
void raise(JNIEnv* env, const Error& error, jthrowable cause = nullptr);
Error refusal(std::string text);

// No C++ exception may reach Java. Its only source here is lack of memory.
template <typename Work>
auto guarded(JNIEnv* env, const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::exception& e) {
    raise(env, {Status::kFailed, std::string("oko_jni: ") + e.what()});
    return decltype(work())();
  }
}

template <typename T>
jlong handle_of(JNIEnv* env, Result<T> made, jthrowable cause = nullptr) {
  if (made) return std::bit_cast<std::intptr_t>(new T(std::move(*made)));
  raise(env, made.error(), cause);
  return 0;
}

template <typename T>
T* object_of(jlong handle) {
  return std::bit_cast<T*>(static_cast<std::intptr_t>(handle));
}

ModelOptions options_of(JNIEnv* env, jint precision, jint width, jint height, jbyteArray target,
                        jbyteArray cache_path, jboolean describe_only);

// The content of a direct buffer with a model; `place` is the method's name.
Result<std::span<const std::byte>> direct_bytes(JNIEnv* env, jobject buffer, const char* place);

}  // namespace oko::jni
