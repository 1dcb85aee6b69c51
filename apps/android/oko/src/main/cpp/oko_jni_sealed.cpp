// The native side of OkoNative.java: sealed models.
#include <optional>

#include "support.h"

namespace {

using namespace oko::jni;

constexpr jsize kPoint = OKO_P256_POINT_SIZE, kSecret = std::tuple_size_v<P256Secret>;

// Their secret is overwritten, not only freed.
struct WipedSealOptions : SealOptions {
  ~WipedSealOptions() {
    volatile char* bytes = identity.data();  // the compiler may not leave it out
    for (std::size_t i = 0; i < identity.size(); ++i) bytes[i] = 0;
  }
};

Result<P256Point> point_of(JNIEnv* env, jbyteArray array) {
  P256Point point{};
  if (const jsize size = env->GetArrayLength(array); size != kPoint) {
    return refusal("the point of the key in hardware has " + std::to_string(size) +
                   " bytes (65: 4, x, y)");
  }
  env->GetByteArrayRegion(array, 0, kPoint, reinterpret_cast<jbyte*>(point.data()));
  return point;
}

// OkoCalls.java. The engine calls back in the thread that opens the model, so `env` is right. No
// Java exception may be pending when the engine goes on, and none is lost: the first one is kept,
// to be the cause of what the engine then reports.
class Calls {
 public:
  Calls(JNIEnv* env, jobject object) : env_(env), object_(object) {
    const jclass type = env->FindClass("dev/oko/OkoCalls");
    if (type == nullptr) return;
    agree_ = env->GetMethodID(type, "agree", "([B)[B");
    if (agree_ != nullptr) release_ = env->GetMethodID(type, "release", "([B)J");
    if (release_ != nullptr) store_ = env->GetMethodID(type, "storeRelease", "([BJ)V");
    env->DeleteLocalRef(type);
  }

  // Otherwise a Java exception is pending.
  bool found() const { return store_ != nullptr; }
  jthrowable thrown() const { return thrown_; }

  std::optional<P256Secret> agree(const P256Point& sender) {
    const jbyteArray point =
        bytes_of(env_, {reinterpret_cast<const char*>(sender.data()), sender.size()});
    if (failed()) return std::nullopt;
    const auto array = static_cast<jbyteArray>(env_->CallObjectMethod(object_, agree_, point));
    env_->DeleteLocalRef(point);
    if (failed() || array == nullptr) return std::nullopt;
    std::optional<P256Secret> secret;
    if (env_->GetArrayLength(array) == kSecret) {
      env_->GetByteArrayRegion(array, 0, kSecret,
                               reinterpret_cast<jbyte*>(secret.emplace().data()));
      const jbyte zeros[kSecret] = {};
      env_->SetByteArrayRegion(array, 0, kSecret, zeros);
    }
    env_->DeleteLocalRef(array);
    return secret;
  }

  bool release(const char* model, std::uint64_t* release) {
    const jbyteArray id = bytes_of(env_, model);
    if (failed()) return false;
    const jlong stored = env_->CallLongMethod(object_, release_, id);
    env_->DeleteLocalRef(id);
    if (failed() || stored < 0) return false;
    *release = static_cast<std::uint64_t>(stored);
    return true;
  }

  bool store(const char* model, std::uint64_t release) {
    const jbyteArray id = bytes_of(env_, model);
    if (failed()) return false;
    env_->CallVoidMethod(object_, store_, id, static_cast<jlong>(release));
    env_->DeleteLocalRef(id);
    return !failed();
  }

 private:
  bool failed() {
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

  JNIEnv* env_;
  jobject object_;
  jmethodID agree_ = nullptr, release_ = nullptr, store_ = nullptr;
  jthrowable thrown_ = nullptr;
};

oko_releases releases_of(Calls& calls) {
  return {[](void* context, const char* model, std::uint64_t* release) {
            return static_cast<Calls*>(context)->release(model, release) ? 1 : 0;
          },
          [](void* context, const char* model, std::uint64_t release) {
            return static_cast<Calls*>(context)->store(model, release) ? 1 : 0;
          },
          &calls};
}

}  // namespace

OKO_JNI(jlong, openSealed)
(JNIEnv* env, jclass, jbyteArray path, jobject bytes, jbyteArray signer, jbyteArray identity,
 jbyteArray model, jbyteArray app_version, jlong now, jbyteArray point, jboolean keeps_releases,
 jobject object, jint precision, jint width, jint height, jbyteArray target,
 jbyteArray cache_path) {
  return guarded(env, [&]() -> jlong {
    Calls calls(env, object);
    if (!calls.found()) return 0;
    WipedSealOptions seal;
    seal.signer = text_of(env, signer);
    seal.identity = text_of(env, identity);
    seal.model = text_of(env, model);
    seal.app_version = text_of(env, app_version);
    seal.now = now;
    if (point != nullptr) {
      const auto given = point_of(env, point);
      if (!given) {
        raise(env, given.error());
        return 0;
      }
      seal.p256_point = *given;
      seal.agree = [&calls](const P256Point& sender) { return calls.agree(sender); };
    }
    if (keeps_releases == JNI_TRUE) seal.releases = releases_of(calls);
    const ModelOptions options = options_of(env, precision, width, height, target, cache_path);
    if (path != nullptr) {
      auto opened = Model::open_sealed(text_of(env, path), seal, options);
      return handle_of(env, std::move(opened), calls.thrown());
    }
    const auto view = direct_bytes(env, bytes, "openSealed");
    if (!view) {
      raise(env, view.error());
      return 0;
    }
    auto opened = Model::open_sealed(*view, seal, options);
    return handle_of(env, std::move(opened), calls.thrown());
  });
}

OKO_JNI(jbyteArray, p256Recipient)(JNIEnv* env, jclass, jbyteArray array) {
  return guarded(env, [&]() -> jbyteArray {
    const auto point = point_of(env, array);
    if (!point) {
      raise(env, point.error());
      return nullptr;
    }
    const auto text = p256_recipient(*point);
    if (text) return bytes_of(env, *text);
    raise(env, text.error());
    return nullptr;
  });
}
