// The native side of OkoNative.java, which has the contract.
#include <algorithm>
#include <array>

#include "support.h"

namespace {

using namespace oko::jni;

// Keeps a Java object alive. Released by closeModel() or destroyDetector(), so in a Java thread.
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

// ---- Frames -------------------------------------------------------------------------------------

// In the order of OkoNative.detect().
struct FrameNumbers {
  jint format, width, height, strides[3], chroma_step, range, matrix, rotation, mirror, region[4];
};
constexpr jsize kFrameNumbers = sizeof(FrameNumbers) / sizeof(jint);

struct PlaneShape {
  std::int64_t columns, rows, step, sample;  // bytes from one pixel to the next, bytes of a pixel
};

// The planes of a format; none if the engine will reject the values.
std::vector<PlaneShape> shapes_of(const FrameNumbers& n) {
  if (n.width <= 0 || n.height <= 0) return {};
  const std::int64_t width = n.width, height = n.height;
  const std::int64_t columns = (width + 1) / 2, rows = (height + 1) / 2;
  switch (n.format) {
    case OKO_RGB:
    case OKO_BGR:
      return {{width, height, 3, 3}};
    case OKO_RGBA:
    case OKO_BGRA:
      return {{width, height, 4, 4}};
    case OKO_GREY:
      return {{width, height, 1, 1}};
    case OKO_NV12:
    case OKO_NV21:
      return {{width, height, 1, 1}, {columns, rows, 2, 2}};
    case OKO_I420: {
      const std::int64_t step = std::max(n.chroma_step, 1);
      return {{width, height, 1, 1}, {columns, rows, step, 1}, {columns, rows, step, 1}};
    }
    default:
      return {};
  }
}

// The address of a plane whose buffer is large enough.
Result<const std::uint8_t*> plane_of(JNIEnv* env, jobject buffer, std::size_t index,
                                     const PlaneShape& shape, std::int64_t stride) {
  const std::string place = "detect: plane " + std::to_string(index);
  if (buffer == nullptr) return refusal(place + " is missing");
  const auto* address = static_cast<const std::uint8_t*>(env->GetDirectBufferAddress(buffer));
  if (address == nullptr) {
    return refusal(place + " is not a direct buffer (use the camera's own, or allocateDirect())");
  }
  const std::int64_t row = (shape.columns - 1) * shape.step + shape.sample;
  const std::int64_t capacity = env->GetDirectBufferCapacity(buffer);
  if (stride < row) {
    return refusal(place + " has rows of " + std::to_string(row) +
                   " bytes, but its row stride is " + std::to_string(stride));
  }
  if (const std::int64_t wanted = (shape.rows - 1) * stride + row; capacity < wanted) {
    return refusal(place + " has " + std::to_string(capacity) + " bytes, but the frame needs " +
                   std::to_string(wanted));
  }
  return address;
}

Result<Frame> frame_of(JNIEnv* env, const FrameNumbers& n, const std::array<jobject, 3>& buffers) {
  oko_frame frame{};
  frame.struct_size = sizeof frame;
  frame.format = n.format;
  frame.width = n.width;
  frame.height = n.height;
  frame.chroma_step = n.chroma_step;
  frame.range = n.range;
  frame.matrix = n.matrix;
  frame.rotation = n.rotation;
  frame.mirror = n.mirror;
  std::copy(std::begin(n.region), std::end(n.region), std::begin(frame.region));
  const std::vector<PlaneShape> shapes = shapes_of(n);
  for (std::size_t p = 0; p < shapes.size(); ++p) {
    const auto plane = plane_of(env, buffers[p], p, shapes[p], n.strides[p]);
    if (!plane) return plane.error();
    frame.planes[p] = *plane;
    frame.strides[p] = static_cast<std::size_t>(n.strides[p]);
  }
  return Frame(frame);
}

// ---- Detections ---------------------------------------------------------------------------------

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

std::vector<float> floats_of(JNIEnv* env, jfloatArray array) {
  if (array == nullptr) return {};
  std::vector<float> values(static_cast<std::size_t>(env->GetArrayLength(array)));
  env->GetFloatArrayRegion(array, 0, static_cast<jsize>(values.size()), values.data());
  return values;
}

}  // namespace

OKO_JNI(jlong, openFile)
(JNIEnv* env, jclass, jbyteArray path, jint precision, jint width, jint height, jbyteArray target,
 jbyteArray cache_path) {
  return guarded(env, [&]() -> jlong {
    const ModelOptions options = options_of(env, precision, width, height, target, cache_path);
    return handle_of(env, Model::open(text_of(env, path), options));
  });
}

OKO_JNI(jlong, openBuffer)
(JNIEnv* env, jclass, jobject bytes, jint precision, jint width, jint height, jbyteArray target,
 jbyteArray cache_path) {
  return guarded(env, [&]() -> jlong {
    const auto view = direct_bytes(env, bytes, "openBuffer");
    if (!view) {
      raise(env, view.error());
      return 0;
    }
    const ModelOptions options = options_of(env, precision, width, height, target, cache_path);
    return handle_of(env, Model::open_in_place(*view, keep(env, bytes), options));
  });
}

OKO_JNI(void, closeModel)(JNIEnv*, jclass, jlong model) { delete object_of<Model>(model); }

OKO_JNI(jobjectArray, modelTexts)(JNIEnv* env, jclass, jlong handle) {
  return guarded(env, [&]() -> jobjectArray {
    const Model& model = *object_of<Model>(handle);
    const ModelInfo info = model.info();
    std::vector<std::string_view> texts{info.name, info.target};
    for (std::int32_t i = 0; i < info.class_count; ++i) texts.push_back(model.class_name(i));
    return texts_of(env, texts);
  });
}

OKO_JNI(jlongArray, modelNumbers)(JNIEnv* env, jclass, jlong handle) {
  const ModelInfo info = object_of<Model>(handle)->info();
  const jlong numbers[] = {info.precision,
                           info.width,
                           info.height,
                           static_cast<jlong>(info.weight_bytes),
                           static_cast<jlong>(info.activation_bytes),
                           info.cache_hit};
  const jlongArray array = env->NewLongArray(std::size(numbers));
  if (array != nullptr) env->SetLongArrayRegion(array, 0, std::size(numbers), numbers);
  return array;
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
    std::array<jint, kFrameNumbers> values{};
    env->GetIntArrayRegion(numbers, 0, kFrameNumbers, values.data());
    if (env->ExceptionCheck()) return nullptr;  // there are fewer
    const auto frame = frame_of(env, std::bit_cast<FrameNumbers>(values), {plane0, plane1, plane2});
    if (!frame) {
      raise(env, frame.error());
      return nullptr;
    }
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
  const jdoubleArray array = env->NewDoubleArray(std::size(numbers));
  if (array != nullptr) env->SetDoubleArrayRegion(array, 0, std::size(numbers), numbers);
  return array;
}
