// The native side of OkoNative.java: updates of sealed models.
#include "calls.h"
#include "support.h"

using namespace oko::jni;

OKO_JNI(jlong, checkUpdate)
(JNIEnv* env, jclass, jbyteArray index, jbyteArray root, jbyteArray folder, jbyteArray signer,
 jbyteArray app_version, jlong now, jboolean keeps_releases, jobject object) {
  return guarded(env, [&]() -> jlong {
    Calls calls(env, object);
    if (!calls.found()) return 0;
    const std::string bytes = text_of(env, index);
    UpdateOptions options;
    options.root = text_of(env, root);
    options.folder = text_of(env, folder);
    options.signer = text_of(env, signer);
    options.app_version = text_of(env, app_version);
    options.now = now;
    if (keeps_releases == JNI_TRUE) options.releases = calls.releases();
    auto checked = Update::check(std::as_bytes(std::span(bytes)), options);
    return handle_of(env, std::move(checked), calls.thrown());
  });
}

OKO_JNI(void, closeUpdate)(JNIEnv*, jclass, jlong update) { delete object_of<Update>(update); }

OKO_JNI(jobjectArray, findUpdate)
(JNIEnv* env, jclass, jlong update, jbyteArray model, jlongArray numbers) {
  return guarded(env, [&]() -> jobjectArray {
    const auto found = object_of<Update>(update)->find(text_of(env, model));
    if (!found) {
      raise(env, found.error());
      return nullptr;
    }
    const jlong values[] = {static_cast<jlong>(found->release),
                            static_cast<jlong>(found->installed), static_cast<jlong>(found->size)};
    env->SetLongArrayRegion(numbers, 0, std::size(values), values);
    if (env->ExceptionCheck() == JNI_TRUE) return nullptr;
    const std::string_view texts[] = {found->file, found->path};
    return texts_of(env, texts);
  });
}

OKO_JNI(void, installUpdate)
(JNIEnv* env, jclass, jlong update, jbyteArray model, jbyteArray fetched) {
  guarded(env, [&] {
    const auto done =
        object_of<Update>(update)->install(text_of(env, model), text_of(env, fetched));
    if (!done) raise(env, done.error());
  });
}
