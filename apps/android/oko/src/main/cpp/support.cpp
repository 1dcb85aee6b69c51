#include "support.h"

namespace oko::jni {

jbyteArray bytes_of(JNIEnv* env, std::string_view text) {
  const auto size = static_cast<jsize>(text.size());
  jbyteArray array = env->NewByteArray(size);
  if (array != nullptr) {
    env->SetByteArrayRegion(array, 0, size, reinterpret_cast<const jbyte*>(text.data()));
  }
  return array;
}

std::string text_of(JNIEnv* env, jbyteArray array) {
  if (array == nullptr) return {};
  std::string text(static_cast<std::size_t>(env->GetArrayLength(array)), '\0');
  env->GetByteArrayRegion(array, 0, static_cast<jsize>(text.size()),
                          reinterpret_cast<jbyte*>(text.data()));
  return text;
}

jobjectArray texts_of(JNIEnv* env, std::span<const std::string_view> texts) {
  const auto count = static_cast<jsize>(texts.size());
  const jclass element = env->FindClass("[B");
  const jobjectArray array =
      element != nullptr ? env->NewObjectArray(count, element, nullptr) : nullptr;
  for (jsize i = 0; array != nullptr && i < count; ++i) {
    const jbyteArray text = bytes_of(env, texts[static_cast<std::size_t>(i)]);
    if (text == nullptr) return nullptr;
    env->SetObjectArrayElement(array, i, text);
    env->DeleteLocalRef(text);
  }
  return array;
}

std::vector<float> floats_of(JNIEnv* env, jfloatArray array) {
  if (array == nullptr) return {};
  std::vector<float> values(static_cast<std::size_t>(env->GetArrayLength(array)));
  env->GetFloatArrayRegion(array, 0, static_cast<jsize>(values.size()), values.data());
  return values;
}

jdoubleArray array_of(JNIEnv* env, std::span<const jdouble> numbers) {
  const auto size = static_cast<jsize>(numbers.size());
  const jdoubleArray array = env->NewDoubleArray(size);
  if (array != nullptr) env->SetDoubleArrayRegion(array, 0, size, numbers.data());
  return array;
}

std::shared_ptr<const void> keep(JNIEnv* env, jobject object) {
  JavaVM* machine = nullptr;
  env->GetJavaVM(&machine);
  return {env->NewGlobalRef(object), [machine](const void* reference) {
            void* current = nullptr;
            if (machine->GetEnv(&current, JNI_VERSION_1_6) != JNI_OK) return;
            static_cast<JNIEnv*>(current)->DeleteGlobalRef(
                static_cast<jobject>(const_cast<void*>(reference)));
          }};
}

void raise(JNIEnv* env, const Error& error, jthrowable cause) {
  const jclass type = env->FindClass("dev/oko/OkoException");
  if (type == nullptr) return;  // a Java exception is already pending
  const jmethodID make = env->GetMethodID(type, "<init>", "(I[BLjava/lang/Throwable;)V");
  if (make == nullptr) return;
  const jbyteArray text = bytes_of(env, error.text);
  if (text == nullptr) return;
  jobject made = env->NewObject(type, make, static_cast<jint>(error.status), text, cause);
  if (made != nullptr) env->Throw(static_cast<jthrowable>(made));
}

Error refusal(std::string text) { return {Status::kInvalidArgument, std::move(text)}; }

ModelOptions options_of(JNIEnv* env, jint precision, jint width, jint height, jbyteArray target,
                        jbyteArray cache_path, jboolean describe_only) {
  return {static_cast<Precision>(precision),
          width,
          height,
          text_of(env, target),
          text_of(env, cache_path),
          describe_only == JNI_TRUE};
}

Result<std::span<const std::byte>> direct_bytes(JNIEnv* env, jobject buffer, const char* place) {
  const void* address = buffer != nullptr ? env->GetDirectBufferAddress(buffer) : nullptr;
  if (address == nullptr) {
    return refusal(std::string(place) +
                   ": the model is not in a direct buffer (map it, or copy it into "
                   "allocateDirect())");
  }
  const auto size = static_cast<std::size_t>(env->GetDirectBufferCapacity(buffer));
  return std::span(static_cast<const std::byte*>(address), size);
}

}  // namespace oko::jni
