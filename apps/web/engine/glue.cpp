// What JavaScript needs besides the C API: the offsets of its struct fields, a way to hand over a
// model's bytes, one to answer what is asked while a sealed model is opened, and one to hear what a
// live camera says.
#include <emscripten/emscripten.h>
#include <oko/oko.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <type_traits>

// The shared secret of the app's P-256 key and a sender's point.
struct oko_web_agreement {
  std::uint8_t sender[65], secret[32];
};

// The C API asks its callbacks while it opens a sealed model, but a browser has the answers later,
// by promises. So a question without an answer here is noted and fails; JavaScript finds the answer
// and opens the model again.
struct oko_web_answers {
  std::size_t struct_size;
  const oko_web_agreement* agreements;
  std::size_t agreement_count;
  std::int32_t keeps_releases;  // 1: the highest release that was opened is asked for
  std::int32_t knows_release;   // 1: it is `known_release`
  std::uint64_t known_release;
  std::int32_t question;         // what was asked last: 0 nothing, 1 the release, 2 the secret
  std::uint64_t opened_release;  // what is to be stored now; 0: nothing
  char model[65];                // whose release that is
  std::uint8_t sender[65];       // whose secret
};

// Calls what src/modules.js gives the module.
EM_JS(void, oko_web_tell, (std::int32_t level, const char* text), { Module["log"](level, text); });

namespace {

// A struct (its size) or a field (its offset), and its type: int32 'i', float 'f', double 'd',
// 64-bit number 'q', pointer or size 'p', byte 'b', struct 's'.
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
  if constexpr (std::is_same_v<Element, std::int64_t>) return 'q';
  if constexpr (std::is_same_v<Element, std::uint8_t>) return 'b';
  if constexpr (std::is_same_v<Element, char>) return 'b';
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
    SIZE(oko_seal_options),
    FIELD(oko_seal_options, struct_size),
    FIELD(oko_seal_options, signer),
    FIELD(oko_seal_options, identity),
    FIELD(oko_seal_options, model),
    FIELD(oko_seal_options, app_version),
    FIELD(oko_seal_options, now),
    FIELD(oko_seal_options, p256_point),
    SIZE(oko_web_agreement),
    SIZE(oko_web_answers),
    FIELD(oko_web_answers, struct_size),
    FIELD(oko_web_answers, agreements),
    FIELD(oko_web_answers, agreement_count),
    FIELD(oko_web_answers, keeps_releases),
    FIELD(oko_web_answers, knows_release),
    FIELD(oko_web_answers, known_release),
    FIELD(oko_web_answers, question),
    FIELD(oko_web_answers, opened_release),
    FIELD(oko_web_answers, model),
    FIELD(oko_web_answers, sender),
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
    FIELD(oko_model_info, version),
    FIELD(oko_model_info, hash),
    FIELD(oko_model_info, checksum),
    FIELD(oko_model_info, trained),
    FIELD(oko_model_info, map50),
    FIELD(oko_model_info, map),
    FIELD(oko_model_info, measured_on),
    FIELD(oko_model_info, measured_split),
    FIELD(oko_model_info, measured_images),
    FIELD(oko_model_info, measured_itself),
    FIELD(oko_model_info, own_thresholds),
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
    SIZE(oko_tracker_options),
    FIELD(oko_tracker_options, struct_size),
    FIELD(oko_tracker_options, max_objects),
    FIELD(oko_tracker_options, low_score),
    FIELD(oko_tracker_options, lost_seconds),
    FIELD(oko_tracker_options, confirm),
    FIELD(oko_tracker_options, smoothing),
    SIZE(oko_object),
    FIELD(oko_object, id),
    FIELD(oko_object, class_id),
    FIELD(oko_object, state),
    FIELD(oko_object, score),
    FIELD(oko_object, left),
    FIELD(oko_object, top),
    FIELD(oko_object, right),
    FIELD(oko_object, bottom),
    FIELD(oko_object, velocity_x),
    FIELD(oko_object, velocity_y),
    FIELD(oko_object, age),
    FIELD(oko_object, hidden),
    SIZE(oko_event),
    FIELD(oko_event, kind),
    FIELD(oko_event, class_id),
    FIELD(oko_event, object),
    FIELD(oko_event, counter),
    SIZE(oko_counts),
    FIELD(oko_counts, struct_size),
    FIELD(oko_counts, in),
    FIELD(oko_counts, out),
    FIELD(oko_counts, inside),
    SIZE(oko_live_options),
    FIELD(oko_live_options, struct_size),
    FIELD(oko_live_options, threads),
    FIELD(oko_live_options, budget_ms),
    FIELD(oko_live_options, frames_per_second),
    FIELD(oko_live_options, thresholds),
    FIELD(oko_live_options, no_tracking),
    FIELD(oko_live_options, log),
    SIZE(oko_live_result),
    FIELD(oko_live_result, struct_size),
    FIELD(oko_live_result, found),
    FIELD(oko_live_result, frame_width),
    FIELD(oko_live_result, frame_height),
    FIELD(oko_live_result, model),
    FIELD(oko_live_result, wait_ms),
    FIELD(oko_live_result, prepare_ms),
    FIELD(oko_live_result, network_ms),
    FIELD(oko_live_result, decode_ms),
    SIZE(oko_live_status),
    FIELD(oko_live_status, struct_size),
    FIELD(oko_live_status, taken),
    FIELD(oko_live_status, replaced),
    FIELD(oko_live_status, skipped_rate),
    FIELD(oko_live_status, skipped_heat),
    FIELD(oko_live_status, looked_at),
    FIELD(oko_live_status, model),
    FIELD(oko_live_status, heat),
    FIELD(oko_live_status, frame_ms),
    FIELD(oko_live_status, frames_per_second),
    FIELD(oko_live_status, over_budget),
};

constexpr bool all_kinds_known() {
  for (const Place& place : kPlaces) {
    if (place.kind == 0) return false;
  }
  return true;
}
static_assert(all_kinds_known(), "a field has a type that JavaScript has no accessor for");
static_assert(sizeof(Place) == 12 && sizeof(void*) == 4, "JavaScript reads the table as int32");

enum Question : std::int32_t { kNothing = 0, kRelease = 1, kSecret = 2 };

std::int32_t known_release(void* context, const char* model, std::uint64_t* release) {
  auto& answers = *static_cast<oko_web_answers*>(context);
  if (answers.knows_release != 0) {
    *release = answers.known_release;
    return 1;
  }
  answers.question = kRelease;
  std::strncpy(answers.model, model, sizeof answers.model - 1);
  return 0;
}

// JavaScript stores it, once the model is open.
std::int32_t note_release(void* context, const char* model, std::uint64_t release) {
  auto& answers = *static_cast<oko_web_answers*>(context);
  answers.opened_release = release;
  std::strncpy(answers.model, model, sizeof answers.model - 1);
  return 1;
}

std::int32_t known_secret(void* context, const std::uint8_t* sender, std::uint8_t* secret) {
  auto& answers = *static_cast<oko_web_answers*>(context);
  for (std::size_t i = 0; i < answers.agreement_count; ++i) {
    const oko_web_agreement& one = answers.agreements[i];
    if (!std::equal(one.sender, std::end(one.sender), sender)) continue;
    std::copy(one.secret, std::end(one.secret), secret);
    return 1;
  }
  answers.question = kSecret;
  std::copy_n(sender, sizeof answers.sender, answers.sender);
  return 0;
}

}  // namespace

extern "C" {

const void* oko_web_places() { return kPlaces; }
std::int32_t oko_web_place_count() { return static_cast<std::int32_t>(std::size(kPlaces)); }

// For oko_live_options.
void (*oko_web_log())(void*, std::int32_t, const char*) {
  return [](void*, std::int32_t level, const char* text) { oko_web_tell(level, text); };
}

// Opens a model and takes ownership of its bytes from malloc(), even on failure: nothing is copied,
// and they are freed as soon as the weights are packed.
oko_status oko_web_open(void* data, std::size_t size, const oko_model_options* options,
                        oko_model** out) {
  const oko_status status = oko_model_open_memory(data, size, std::free, data, options, out);
  if (status != OKO_OK) std::free(data);
  return status;
}

// Opens a sealed model with what `answers` knows, and notes there what it does not. `data` stays
// the caller's.
oko_status oko_web_open_sealed(const void* data, std::size_t size, const oko_seal_options* seal,
                               oko_web_answers* answers, const oko_model_options* options,
                               oko_model** out) {
  oko_seal_options asking = *seal;
  answers->question = kNothing;
  answers->opened_release = 0;
  if (answers->keeps_releases != 0) asking.releases = {known_release, note_release, answers};
  if (asking.p256_point != nullptr) {
    asking.agree = known_secret;
    asking.agree_context = answers;
  }
  return oko_model_open_sealed(data, size, &asking, options, out);
}

}  // extern "C"
