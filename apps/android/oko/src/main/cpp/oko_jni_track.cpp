// The native side of OkoNative.java: tracking.
#include "frames.h"
#include "results.h"

namespace {

using namespace oko::jni;

template <typename T>
jdoubleArray numbers_of(JNIEnv* env, const Result<std::span<const T>>& found) {
  std::vector<jdouble> numbers;
  return append_all(env, numbers, found) ? array_of(env, numbers) : nullptr;
}

jint number_of(JNIEnv* env, const Result<std::int32_t>& added) {
  if (added) return *added;
  raise(env, added.error());
  return -1;
}

}  // namespace

OKO_JNI(jlong, createTracker)
(JNIEnv* env, jclass, jint max_objects, jfloat low_score, jdouble lost_seconds, jint confirm,
 jfloat smoothing) {
  return guarded(env, [&]() -> jlong {
    return handle_of(env,
                     Tracker::create({max_objects, low_score, lost_seconds, confirm, smoothing}));
  });
}

OKO_JNI(void, destroyTracker)(JNIEnv*, jclass, jlong tracker) {
  delete object_of<Tracker>(tracker);
}

OKO_JNI(void, resetTracker)(JNIEnv*, jclass, jlong tracker) {
  object_of<Tracker>(tracker)->reset();
}

OKO_JNI(jlong, countersOfTracker)(JNIEnv*, jclass, jlong tracker) {
  return std::bit_cast<std::intptr_t>(object_of<Tracker>(tracker)->get());
}

OKO_JNI(jdoubleArray, trackDetect)
(JNIEnv* env, jclass, jlong tracker, jlong detector, jobject plane0, jobject plane1, jobject plane2,
 jintArray numbers, jdouble seconds, jfloat score, jfloat iou, jint nms, jfloat soft_sigma,
 jint max_detections, jfloatArray class_scores) {
  return guarded(env, [&]() -> jdoubleArray {
    const auto frame = frame_of(env, numbers, {plane0, plane1, plane2});
    if (!frame) return nullptr;
    const std::vector<float> scores = floats_of(env, class_scores);
    const Thresholds thresholds{score,          iou,   static_cast<Nms>(nms), soft_sigma,
                                max_detections, scores};
    return numbers_of(env, object_of<Tracker>(tracker)->detect(*object_of<Detector>(detector),
                                                               *frame, seconds, thresholds));
  });
}

OKO_JNI(jdoubleArray, trackUpdate)
(JNIEnv* env, jclass, jlong tracker, jfloatArray numbers, jdouble seconds, jfloat score,
 jfloatArray class_scores) {
  return guarded(env, [&]() -> jdoubleArray {
    constexpr std::size_t kNumbers = 6;
    const std::vector<float> given = floats_of(env, numbers);
    std::vector<Detection> detections;
    for (std::size_t i = 0; i + kNumbers <= given.size(); i += kNumbers) {
      const float* d = &given[i];
      detections.push_back({static_cast<std::int32_t>(d[0]), d[1], d[2], d[3], d[4], d[5]});
    }
    const std::vector<float> scores = floats_of(env, class_scores);
    Thresholds thresholds;
    thresholds.score = score;
    thresholds.class_scores = scores;
    return numbers_of(env, object_of<Tracker>(tracker)->update(detections, seconds, thresholds));
  });
}

OKO_JNI(jdoubleArray, trackerEvents)(JNIEnv* env, jclass, jlong tracker) {
  return guarded(env, [&] { return numbers_of(env, object_of<Tracker>(tracker)->events()); });
}

OKO_JNI(jint, addLine)
(JNIEnv* env, jclass, jlong counters, jfloat x1, jfloat y1, jfloat x2, jfloat y2, jint class_id) {
  return guarded(env, [&] {
    Counters all(object_of<oko_tracker>(counters));
    return number_of(env, all.add_line({x1, y1}, {x2, y2}, class_id));
  });
}

OKO_JNI(jint, addZone)
(JNIEnv* env, jclass, jlong counters, jfloatArray points, jint class_id) {
  return guarded(env, [&] {
    const std::vector<float> given = floats_of(env, points);
    std::vector<Point> corners;
    for (std::size_t i = 0; i + 2 <= given.size(); i += 2) {
      corners.push_back({given[i], given[i + 1]});
    }
    return number_of(env, Counters(object_of<oko_tracker>(counters)).add_zone(corners, class_id));
  });
}

OKO_JNI(jdoubleArray, counts)(JNIEnv* env, jclass, jlong counters, jint counter) {
  return guarded(env, [&]() -> jdoubleArray {
    const auto counts = Counters(object_of<oko_tracker>(counters)).counts(counter);
    if (!counts) {
      raise(env, counts.error());
      return nullptr;
    }
    std::vector<jdouble> numbers;
    append(numbers, *counts);
    return array_of(env, numbers);
  });
}
