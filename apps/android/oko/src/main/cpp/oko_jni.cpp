// The native side of OkoNative.java, which has the contract.
#include "frames.h"
#include "support.h"

namespace {

using namespace oko::jni;

jfloatArray array_of(JNIEnv* env, std::span<const Detection> detections) {
  std::vector<jfloat> numbers;
  numbers.reserve(6 * detections.size());
  for (const Detection& d : detections) {
    numbers.insert(numbers.end(),
                   {static_cast<jfloat>(d.class_id), d.score, d.left, d.top, d.right, d.bottom});
  }
  const auto size = static_cast<jsize>(numbers.size());
  const jfloatArray array = env->NewFloatArray(size);
  if (array != nullptr) env->SetFloatArrayRegion(array, 0, size, numbers.data());
  return array;
}

}  // namespace

OKO_JNI(jlong, openFile)
(JNIEnv* env, jclass, jbyteArray path, jint precision, jint width, jint height, jbyteArray target,
 jbyteArray cache_path, jboolean describe_only) {
  return guarded(env, [&]() -> jlong {
    const ModelOptions options =
        options_of(env, precision, width, height, target, cache_path, describe_only);
    return handle_of(env, Model::open(text_of(env, path), options));
  });
}

OKO_JNI(jlong, openBuffer)
(JNIEnv* env, jclass, jobject bytes, jint precision, jint width, jint height, jbyteArray target,
 jbyteArray cache_path, jboolean describe_only) {
  return guarded(env, [&]() -> jlong {
    const auto view = direct_bytes(env, bytes, "openBuffer");
    if (!view) {
      raise(env, view.error());
      return 0;
    }
    const ModelOptions options =
        options_of(env, precision, width, height, target, cache_path, describe_only);
    return handle_of(env, Model::open_in_place(*view, keep(env, bytes), options));
  });
}

OKO_JNI(void, closeModel)(JNIEnv*, jclass, jlong model) { delete object_of<Model>(model); }

OKO_JNI(jobjectArray, modelTexts)(JNIEnv* env, jclass, jlong handle) {
  return guarded(env, [&]() -> jobjectArray {
    const Model& model = *object_of<Model>(handle);
    const ModelInfo info = model.info();
    const auto text = [](const char* given) { return std::string_view(given ? given : ""); };
    std::vector<std::string_view> texts{
        text(info.name),     text(info.target),      text(info.version),       text(info.hash),
        text(info.checksum), text(info.measured_on), text(info.measured_split)};
    for (std::int32_t i = 0; i < info.class_count; ++i) texts.push_back(model.class_name(i));
    return texts_of(env, texts);
  });
}

OKO_JNI(jdoubleArray, modelNumbers)(JNIEnv* env, jclass, jlong handle) {
  return guarded(env, [&] {
    const Model& model = *object_of<Model>(handle);
    const ModelInfo info = model.info();
    std::vector<jdouble> numbers{static_cast<jdouble>(info.precision),
                                 static_cast<jdouble>(info.width),
                                 static_cast<jdouble>(info.height),
                                 static_cast<jdouble>(info.weight_bytes),
                                 static_cast<jdouble>(info.activation_bytes),
                                 info.flop,
                                 static_cast<jdouble>(info.cache_hit),
                                 static_cast<jdouble>(info.trained),
                                 info.map50,
                                 info.map,
                                 static_cast<jdouble>(info.measured_images),
                                 static_cast<jdouble>(info.measured_itself),
                                 static_cast<jdouble>(info.own_thresholds)};
    for (std::int32_t i = 0; i < info.class_count; ++i) {
      numbers.push_back(model.class_threshold(i));
    }
    return array_of(env, numbers);
  });
}

OKO_JNI(jlong, createDetector)(JNIEnv* env, jclass, jlong model, jint threads, jint tiles) {
  return guarded(env, [&]() -> jlong {
    return handle_of(env, Detector::create(*object_of<Model>(model), threads, tiles));
  });
}

OKO_JNI(void, destroyDetector)(JNIEnv*, jclass, jlong detector) {
  delete object_of<Detector>(detector);
}

OKO_JNI(jfloatArray, detect)
(JNIEnv* env, jclass, jlong handle, jobject plane0, jobject plane1, jobject plane2,
 jintArray numbers, jfloat score, jfloat iou, jint nms, jfloat soft_sigma, jint max_detections,
 jfloatArray class_scores) {
  return guarded(env, [&]() -> jfloatArray {
    const auto frame = frame_of(env, numbers, {plane0, plane1, plane2});
    if (!frame) return nullptr;
    const std::vector<float> scores = floats_of(env, class_scores);
    const auto found = object_of<Detector>(handle)->detect(
        *frame, {score, iou, static_cast<Nms>(nms), soft_sigma, max_detections, scores});
    if (!found) {
      raise(env, found.error());
      return nullptr;
    }
    return array_of(env, *found);
  });
}

OKO_JNI(jdoubleArray, timing)(JNIEnv* env, jclass, jlong detector) {
  const Timing timing = object_of<Detector>(detector)->timing();
  const jdouble numbers[] = {timing.prepare_ms, timing.network_ms, timing.decode_ms};
  return array_of(env, numbers);
}
