// The native side of OkoNative.java: live cameras.
#include <functional>

#include "frames.h"
#include "results.h"

namespace {

using namespace oko::jni;

// Calls OkoLog.java. The engine calls it in the thread that called the engine, which is Java's.
// Nothing if it is not found: a Java exception is pending then.
std::function<void(bool, std::string_view)> log_of(JNIEnv* env, jobject object) {
  const jclass type = env->FindClass("dev/oko/OkoLog");
  if (type == nullptr) return {};
  const jmethodID write = env->GetMethodID(type, "write", "(Z[B)V");
  env->DeleteLocalRef(type);
  if (write == nullptr) return {};
  JavaVM* machine = nullptr;
  env->GetJavaVM(&machine);
  return [machine, write, kept = keep(env, object)](bool warning, std::string_view text) {
    void* found = nullptr;
    if (machine->GetEnv(&found, JNI_VERSION_1_6) != JNI_OK) return;
    auto* current = static_cast<JNIEnv*>(found);
    const jbyteArray bytes = bytes_of(current, text);
    if (bytes != nullptr) {
      current->CallVoidMethod(static_cast<jobject>(const_cast<void*>(kept.get())), write,
                              static_cast<jboolean>(warning ? JNI_TRUE : JNI_FALSE), bytes);
    }
    // No exception may be pending when the engine goes on; OkoLog throws none but for memory.
    if (current->ExceptionCheck() == JNI_TRUE) current->ExceptionClear();
    if (bytes != nullptr) current->DeleteLocalRef(bytes);
  };
}

std::vector<const Model*> models_of(JNIEnv* env, jlongArray handles) {
  std::vector<jlong> numbers(static_cast<std::size_t>(env->GetArrayLength(handles)));
  env->GetLongArrayRegion(handles, 0, static_cast<jsize>(numbers.size()), numbers.data());
  std::vector<const Model*> models;
  models.reserve(numbers.size());
  for (const jlong number : numbers) models.push_back(object_of<Model>(number));
  return models;
}

void raise_if_not(JNIEnv* env, const Result<Done>& done) {
  if (!done) raise(env, done.error());
}

bool append_counts(JNIEnv* env, std::vector<jdouble>& to, Live& live, jint count) {
  const auto counters = live.counters();
  for (jint i = 0; counters && i < count; ++i) {
    const auto counts = counters->counts(i);
    if (!counts) {
      raise(env, counts.error());
      return false;
    }
    append(to, *counts);
  }
  return true;
}

}  // namespace

OKO_JNI(jlong, createLive)
(JNIEnv* env, jclass, jlongArray models, jint threads, jint priority, jdouble budget_ms,
 jdouble frames_per_second, jfloat score, jfloat iou, jint nms, jfloat soft_sigma,
 jint max_detections, jfloatArray class_scores, jboolean tracks, jint max_objects, jfloat low_score,
 jdouble lost_seconds, jint confirm, jfloat smoothing, jobject log) {
  return guarded(env, [&]() -> jlong {
    const std::vector<float> scores = floats_of(env, class_scores);
    LiveOptions options;
    options.threads = threads;
    options.priority = static_cast<Priority>(priority);
    options.budget_ms = budget_ms;
    options.frames_per_second = frames_per_second;
    options.thresholds = {score, iou, static_cast<Nms>(nms), soft_sigma, max_detections, scores};
    options.tracker = TrackerOptions{max_objects, low_score, lost_seconds, confirm, smoothing};
    if (tracks != JNI_TRUE) options.tracker.reset();
    options.log = log_of(env, log);
    if (!options.log) return 0;
    return handle_of(env, Live::create(models_of(env, models), options));
  });
}

OKO_JNI(void, destroyLive)(JNIEnv*, jclass, jlong live) { delete object_of<Live>(live); }

OKO_JNI(jint, submit)
(JNIEnv* env, jclass, jlong live, jobject plane0, jobject plane1, jobject plane2, jintArray numbers,
 jdouble seconds) {
  return guarded(env, [&]() -> jint {
    const auto frame = frame_of(env, numbers, {plane0, plane1, plane2});
    if (!frame) return 0;
    const auto taken = object_of<Live>(live)->submit(*frame, seconds);
    if (taken) return static_cast<jint>(*taken);
    raise(env, taken.error());
    return 0;
  });
}

OKO_JNI(jdoubleArray, next)
(JNIEnv* env, jclass, jlong handle, jdouble wait_ms, jint counters) {
  return guarded(env, [&]() -> jdoubleArray {
    Live& live = *object_of<Live>(handle);
    const auto result = live.next(wait_ms);
    if (!result) {
      raise(env, result.error());
      return nullptr;
    }
    std::vector<jdouble> numbers{static_cast<jdouble>(result->stopped),
                                 static_cast<jdouble>(result->found),
                                 result->seconds,
                                 static_cast<jdouble>(result->width),
                                 static_cast<jdouble>(result->height),
                                 static_cast<jdouble>(result->model),
                                 static_cast<jdouble>(result->swaps),
                                 result->wait_ms,
                                 result->prepare_ms,
                                 result->network_ms,
                                 result->decode_ms,
                                 static_cast<jdouble>(result->detection_count),
                                 static_cast<jdouble>(result->object_count),
                                 static_cast<jdouble>(result->event_count)};
    if (result->found != 0 &&
        !(append_all(env, numbers, live.detections()) && append_all(env, numbers, live.objects()) &&
          append_all(env, numbers, live.events()) && append_counts(env, numbers, live, counters))) {
      return nullptr;
    }
    return array_of(env, numbers);
  });
}

OKO_JNI(jlong, countersOfLive)(JNIEnv*, jclass, jlong live) {
  return std::bit_cast<std::intptr_t>(oko_live_tracker(object_of<Live>(live)->get()));
}

OKO_JNI(void, resetLive)(JNIEnv*, jclass, jlong live) {
  oko_tracker_reset(oko_live_tracker(object_of<Live>(live)->get()));
}

OKO_JNI(void, stopLive)(JNIEnv*, jclass, jlong live) { object_of<Live>(live)->stop(); }

OKO_JNI(void, setHeat)(JNIEnv* env, jclass, jlong live, jint heat) {
  guarded(env,
          [&] { raise_if_not(env, object_of<Live>(live)->set_heat(static_cast<Heat>(heat))); });
}

OKO_JNI(void, setLiveThresholds)
(JNIEnv* env, jclass, jlong live, jfloat score, jfloat iou, jint nms, jfloat soft_sigma,
 jint max_detections, jfloatArray class_scores) {
  guarded(env, [&] {
    const std::vector<float> scores = floats_of(env, class_scores);
    raise_if_not(env, object_of<Live>(live)->set_thresholds(
                          {score, iou, static_cast<Nms>(nms), soft_sigma, max_detections, scores}));
  });
}

OKO_JNI(void, trimLive)(JNIEnv* env, jclass, jlong live) {
  guarded(env, [&] { raise_if_not(env, object_of<Live>(live)->trim()); });
}

OKO_JNI(void, swapLive)(JNIEnv* env, jclass, jlong live, jlongArray models) {
  guarded(env, [&] { raise_if_not(env, object_of<Live>(live)->swap(models_of(env, models))); });
}

OKO_JNI(void, revertLive)(JNIEnv* env, jclass, jlong live) {
  guarded(env, [&] { raise_if_not(env, object_of<Live>(live)->revert()); });
}

OKO_JNI(jdoubleArray, liveStatus)(JNIEnv* env, jclass, jlong live) {
  const LiveStatus s = object_of<Live>(live)->status();
  const jdouble numbers[] = {static_cast<jdouble>(s.taken),
                             static_cast<jdouble>(s.replaced),
                             static_cast<jdouble>(s.skipped_rate),
                             static_cast<jdouble>(s.skipped_heat),
                             static_cast<jdouble>(s.looked_at),
                             static_cast<jdouble>(s.model),
                             static_cast<jdouble>(s.heat),
                             s.frame_ms,
                             s.frames_per_second,
                             static_cast<jdouble>(s.over_budget)};
  return array_of(env, numbers);
}
