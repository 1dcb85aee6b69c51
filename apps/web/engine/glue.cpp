// What JavaScript needs besides the C API: the offsets of its struct fields, and a way to hand over
// a model's bytes.
#include <oko/oko.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <type_traits>

namespace {

// A struct (its size) or a field (its offset), and its type: int32 'i', float 'f', double 'd',
// 64-bit count 'q', pointer or size 'p', struct 's'.
struct Place {
  const char* name;
  std::int32_t kind;
  std::int32_t where;
};

template <typename T>
constexpr std::int32_t kind_of() {
  using Element = std::remove_all_extents_t<T>;
  if constexpr (std::is_pointer_v<Element> || std::is_same_v<Element, std::size_t>) return 'p';
  if constexpr (std::is_same_v<Element, std::int32_t>) return 'i';
  if constexpr (std::is_same_v<Element, std::uint64_t>) return 'q';
  if constexpr (std::is_same_v<Element, float>) return 'f';
  if constexpr (std::is_same_v<Element, double>) return 'd';
  return 0;
}

template <typename Type>
constexpr Place whole(const char* name) {
  return {name, 's', static_cast<std::int32_t>(sizeof(Type))};
}
template <typename Field>
constexpr Place field(const char* name, std::size_t offset) {
  return {name, kind_of<Field>(), static_cast<std::int32_t>(offset)};
}

#define SIZE(type) whole<type>(#type)
#define FIELD(type, name) field<decltype(type::name)>(#type "." #name, offsetof(type, name))

constexpr Place kPlaces[] = {
    SIZE(oko_model_options),
    FIELD(oko_model_options, struct_size),
    FIELD(oko_model_options, precision),
    FIELD(oko_model_options, width),
    FIELD(oko_model_options, height),
    FIELD(oko_model_options, target),
    SIZE(oko_model_info),
    FIELD(oko_model_info, struct_size),
    FIELD(oko_model_info, name),
    FIELD(oko_model_info, target),
    FIELD(oko_model_info, precision),
    FIELD(oko_model_info, width),
    FIELD(oko_model_info, height),
    FIELD(oko_model_info, class_count),
    FIELD(oko_model_info, head_count),
    FIELD(oko_model_info, weight_bytes),
    FIELD(oko_model_info, activation_bytes),
    FIELD(oko_model_info, flop),
    SIZE(oko_head_info),
    FIELD(oko_head_info, struct_size),
    FIELD(oko_head_info, channels),
    FIELD(oko_head_info, height),
    FIELD(oko_head_info, width),
    FIELD(oko_head_info, anchor_count),
    FIELD(oko_head_info, anchors),
    SIZE(oko_frame),
    FIELD(oko_frame, struct_size),
    FIELD(oko_frame, format),
    FIELD(oko_frame, width),
    FIELD(oko_frame, height),
    FIELD(oko_frame, planes),
    FIELD(oko_frame, strides),
    FIELD(oko_frame, chroma_step),
    FIELD(oko_frame, range),
    FIELD(oko_frame, matrix),
    FIELD(oko_frame, rotation),
    FIELD(oko_frame, mirror),
    FIELD(oko_frame, region),
    SIZE(oko_detector_options),
    FIELD(oko_detector_options, struct_size),
    FIELD(oko_detector_options, threads),
    FIELD(oko_detector_options, tiles),
    SIZE(oko_thresholds),
    FIELD(oko_thresholds, struct_size),
    FIELD(oko_thresholds, score),
    FIELD(oko_thresholds, iou),
    FIELD(oko_thresholds, nms),
    FIELD(oko_thresholds, soft_sigma),
    FIELD(oko_thresholds, max_detections),
    FIELD(oko_thresholds, class_scores),
    FIELD(oko_thresholds, class_score_count),
    SIZE(oko_detection),
    FIELD(oko_detection, class_id),
    FIELD(oko_detection, score),
    FIELD(oko_detection, left),
    FIELD(oko_detection, top),
    FIELD(oko_detection, right),
    FIELD(oko_detection, bottom),
    SIZE(oko_timing),
    FIELD(oko_timing, struct_size),
    FIELD(oko_timing, prepare_ms),
    FIELD(oko_timing, network_ms),
    FIELD(oko_timing, decode_ms),
};

constexpr bool all_kinds_known() {
  for (const Place& place : kPlaces) {
    if (place.kind == 0) return false;
  }
  return true;
}
static_assert(all_kinds_known(), "a field has a type that JavaScript has no accessor for");
static_assert(sizeof(Place) == 12 && sizeof(void*) == 4, "JavaScript reads the table as int32");

}  // namespace

extern "C" {

const void* oko_web_places() { return kPlaces; }
std::int32_t oko_web_place_count() { return static_cast<std::int32_t>(std::size(kPlaces)); }

// Opens a model and takes ownership of its bytes from malloc(), even on failure: nothing is copied,
// and they are freed as soon as the weights are packed.
oko_status oko_web_open(void* data, std::size_t size, const oko_model_options* options,
                        oko_model** out) {
  const oko_status status = oko_model_open_memory(data, size, std::free, data, options, out);
  if (status != OKO_OK) std::free(data);
  return status;
}

}  // extern "C"
