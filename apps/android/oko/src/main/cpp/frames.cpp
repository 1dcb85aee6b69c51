#include "frames.h"

#include <algorithm>

namespace oko::jni {
namespace {

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
  const std::string place = "frame: plane " + std::to_string(index);
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

}  // namespace

std::optional<Frame> frame_of(JNIEnv* env, jintArray numbers,
                              const std::array<jobject, 3>& buffers) {
  std::array<jint, kFrameNumbers> values{};
  env->GetIntArrayRegion(numbers, 0, kFrameNumbers, values.data());
  if (env->ExceptionCheck() == JNI_TRUE) return std::nullopt;  // there are fewer
  const auto n = std::bit_cast<FrameNumbers>(values);
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
    if (!plane) {
      raise(env, plane.error());
      return std::nullopt;
    }
    frame.planes[p] = *plane;
    frame.strides[p] = static_cast<std::size_t>(n.strides[p]);
  }
  return Frame(frame);
}

}  // namespace oko::jni
