// The native side of OkoNative.java: sealed models.
#include "calls.h"
#include "support.h"

namespace {

using namespace oko::jni;

constexpr jsize kPoint = OKO_P256_POINT_SIZE;

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

}  // namespace

OKO_JNI(jlong, openSealed)
(JNIEnv* env, jclass, jbyteArray path, jobject bytes, jbyteArray signer, jbyteArray identity,
 jbyteArray model, jbyteArray app_version, jlong now, jbyteArray point, jboolean keeps_releases,
 jobject object, jint precision, jint width, jint height, jbyteArray target, jbyteArray cache_path,
 jboolean describe_only) {
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
    if (keeps_releases == JNI_TRUE) seal.releases = calls.releases();
    const ModelOptions options =
        options_of(env, precision, width, height, target, cache_path, describe_only);
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
