#include "calls.h"

namespace oko::jni {

Calls::Calls(JNIEnv* env, jobject object) : env_(env), object_(object) {
  const jclass type = env->FindClass("dev/oko/OkoCalls");
  if (type == nullptr) return;
  agree_ = env->GetMethodID(type, "agree", "([B)[B");
  if (agree_ != nullptr) release_ = env->GetMethodID(type, "release", "([B)J");
  if (release_ != nullptr) store_ = env->GetMethodID(type, "storeRelease", "([BJ)V");
  env->DeleteLocalRef(type);
}

std::optional<P256Secret> Calls::agree(const P256Point& sender) {
  constexpr jsize kSecret = std::tuple_size_v<P256Secret>;
  const jbyteArray point =
      bytes_of(env_, {reinterpret_cast<const char*>(sender.data()), sender.size()});
  if (failed()) return std::nullopt;
  const auto array = static_cast<jbyteArray>(env_->CallObjectMethod(object_, agree_, point));
  env_->DeleteLocalRef(point);
  if (failed() || array == nullptr) return std::nullopt;
  std::optional<P256Secret> secret;
  if (env_->GetArrayLength(array) == kSecret) {
    env_->GetByteArrayRegion(array, 0, kSecret, reinterpret_cast<jbyte*>(secret.emplace().data()));
    const jbyte zeros[kSecret] = {};
    env_->SetByteArrayRegion(array, 0, kSecret, zeros);
  }
  env_->DeleteLocalRef(array);
  return secret;
}

oko_releases Calls::releases() {
  return {[](void* context, const char* model, std::uint64_t* release) {
            return static_cast<Calls*>(context)->release(model, release) ? 1 : 0;
          },
          [](void* context, const char* model, std::uint64_t release) {
            return static_cast<Calls*>(context)->store(model, release) ? 1 : 0;
          },
          this};
}

bool Calls::release(const char* model, std::uint64_t* release) {
  const jbyteArray id = bytes_of(env_, model);
  if (failed()) return false;
  const jlong stored = env_->CallLongMethod(object_, release_, id);
  env_->DeleteLocalRef(id);
  if (failed() || stored < 0) return false;
  *release = static_cast<std::uint64_t>(stored);
  return true;
}

bool Calls::store(const char* model, std::uint64_t release) {
  const jbyteArray id = bytes_of(env_, model);
  if (failed()) return false;
  env_->CallVoidMethod(object_, store_, id, static_cast<jlong>(release));
  env_->DeleteLocalRef(id);
  return !failed();
}

bool Calls::failed() {
  const jthrowable thrown = env_->ExceptionOccurred();
  if (thrown == nullptr) return false;
  env_->ExceptionClear();
  if (thrown_ == nullptr) {
    thrown_ = thrown;
  } else {
    env_->DeleteLocalRef(thrown);
  }
  return true;
}

}  // namespace oko::jni
