// The phone engine for C++20: oko.h with handles that close themselves, spans and enum classes.
// Header only; link liboko (CMake: oko::phone).
//
//   using namespace oko::phone;
//   Result<Model> model = Model::open("model.oko");
//   if (!model) return complain(model.error().text);
//   Detector detector = Detector::create(*model, 2).value();
//   const Frame frame = Frame::nv12(luma, chroma, 640, 360).turned(Rotation::k90);
//   if (auto found = detector.detect(frame, {.score = .4F})) {
//     for (const Detection& d : *found) draw(model->class_name(d.class_id), d.left, d.top);
//   }
//
// Errors are values: functions that can fail return a Result, and nothing here throws by itself, so
// the header works with -fno-exceptions. If you prefer exceptions, call value().
//
// Threads, ownership and the meaning of every field are those of oko.h: a Model may be used from
// any number of threads at a time, a Detector from one. A Detector keeps its Model's data alive.
// Zero in options and thresholds means the default.
#pragma once

#if __cplusplus < 202002L && (!defined(_MSVC_LANG) || _MSVC_LANG < 202002L)
#error "oko.hpp needs C++20: compile with -std=c++20, or use oko.h"
#endif

#include <oko/oko.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace oko::phone {

enum class Status : std::int32_t {
  kFailed = OKO_FAILED,
  kInvalidArgument = OKO_INVALID_ARGUMENT,
  kBadModel = OKO_BAD_MODEL,
  kStorage = OKO_STORAGE,
  kBadSignature = OKO_BAD_SIGNATURE,
  kNoKey = OKO_NO_KEY,
  kOtherModel = OKO_OTHER_MODEL,
  kOldRelease = OKO_OLD_RELEASE,
  kExpired = OKO_EXPIRED,
  kOldApp = OKO_OLD_APP
};

struct Error {
  Status status = Status::kFailed;
  std::string text;  // "place: what (hint)"
};

// What value() throws.
class Failure : public std::runtime_error {
 public:
  explicit Failure(const Error& error) : std::runtime_error(error.text), status_(error.status) {}
  Status status() const { return status_; }

 private:
  Status status_;
};

// A T, or an error. Accessing the missing one is a programming error, except by value(): without a
// T it throws Failure, or terminates if exceptions are disabled.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : content_(std::move(value)) {}
  Result(Error error) : content_(std::move(error)) {}

  explicit operator bool() const { return content_.index() == 0; }
  const Error& error() const { return *checked(std::get_if<1>(&content_)); }
  T& operator*() { return *checked(std::get_if<0>(&content_)); }
  const T& operator*() const { return *checked(std::get_if<0>(&content_)); }
  T* operator->() { return &**this; }
  const T* operator->() const { return &**this; }

  T& value() & { return (demand(), **this); }
  const T& value() const& { return (demand(), **this); }
  T value() && { return (demand(), std::move(**this)); }

 private:
  template <typename Pointer>
  static Pointer checked(Pointer pointer) {
    assert(pointer != nullptr);
    return pointer;
  }
  void demand() const {
    if (*this) return;
#if defined(__cpp_exceptions)
    throw Failure(error());
#else
    std::terminate();
#endif
  }
  std::variant<T, Error> content_;
};

// The result of functions without a value.
using Done = std::monostate;

// ---- Models -------------------------------------------------------------------------------------

enum class Precision : std::int32_t {
  kModel = OKO_PRECISION_MODEL,
  kFloat32 = OKO_FLOAT32,
  kFloat16 = OKO_FLOAT16,
  kInt8 = OKO_INT8
};

struct ModelOptions {
  Precision precision = Precision::kModel;
  std::int32_t width = 0, height = 0;
  std::string target{}, cache_path{};  // empty: oko.h's NULL
  bool describe_only = false;          // for info(), class names and thresholds: see oko.h
};

using Stanza = oko_stanza;
using FileKey = std::array<std::uint8_t, 16>;
using P256Point = std::array<std::uint8_t, OKO_P256_POINT_SIZE>;
using P256Secret = std::array<std::uint8_t, 32>;

// See oko_seal_options. `signer` and one of `identity`, `unwrap` and `agree` must be set.
struct SealOptions {
  std::string signer, identity, model, app_version;  // empty: oko.h's NULL
  // Must not throw where exceptions are disabled; what it throws counts as another key's stanza.
  std::function<std::optional<FileKey>(const Stanza&)> unwrap;
  std::int64_t now = 0;
  oko_releases releases{};
  // A P-256 key in hardware: its public key, and what computes the secret shared with a sender. It
  // must not throw where exceptions are disabled; what it throws counts as a refusal.
  P256Point p256_point{};
  std::function<std::optional<P256Secret>(const P256Point& sender)> agree;
};

using ModelInfo = oko_model_info;
using HeadInfo = oko_head_info;
using Detection = oko_detection;
using Timing = oko_timing;

namespace detail {

template <typename Struct>
Struct sized() {
  Struct s{};
  s.struct_size = sizeof s;
  return s;
}

inline Error last_error(oko_status status) {
  return {static_cast<Status>(status), oko_last_error()};
}

inline oko_model_options options_of(const ModelOptions& o) {
  auto options = sized<oko_model_options>();
  options.precision = static_cast<std::int32_t>(o.precision);
  options.width = o.width;
  options.height = o.height;
  options.target = o.target.empty() ? nullptr : o.target.c_str();
  options.cache_path = o.cache_path.empty() ? nullptr : o.cache_path.c_str();
  options.describe_only = o.describe_only ? 1 : 0;
  return options;
}

// Copies the key that `make` returns to `to` and returns 1, or 0 where there is none.
template <typename Make>
std::int32_t copy_key(const Make& make, std::uint8_t* to) noexcept {
#if defined(__cpp_exceptions)
  try {
#endif
    const auto key = make();
    if (!key) return 0;
    std::copy(key->begin(), key->end(), to);
    return 1;
#if defined(__cpp_exceptions)
  } catch (...) {
    return 0;
  }
#endif
}

inline std::int32_t unwrap(void* context, const oko_stanza* stanza,
                           std::uint8_t* file_key) noexcept {
  const auto& given = *static_cast<const SealOptions*>(context);
  return copy_key([&] { return given.unwrap(*stanza); }, file_key);
}

inline std::int32_t agree(void* context, const std::uint8_t* sender,
                          std::uint8_t* secret) noexcept {
  const auto& given = *static_cast<const SealOptions*>(context);
  P256Point point;
  std::copy_n(sender, point.size(), point.begin());
  return copy_key([&] { return given.agree(point); }, secret);
}

inline oko_seal_options options_of(const SealOptions& o) {
  const auto text = [](const std::string& s) { return s.empty() ? nullptr : s.c_str(); };
  auto options = sized<oko_seal_options>();
  options.signer = text(o.signer);
  options.identity = text(o.identity);
  options.model = text(o.model);
  options.app_version = text(o.app_version);
  if (o.unwrap) {
    options.unwrap = &unwrap;
    options.unwrap_context = const_cast<SealOptions*>(&o);
  }
  if (o.agree) {
    options.p256_point = o.p256_point.data();
    options.agree = &agree;
    options.agree_context = const_cast<SealOptions*>(&o);
  }
  options.now = o.now;
  options.releases = o.releases;
  return options;
}

}  // namespace detail

// What to seal for, so that the P-256 key in hardware with this public key opens it: "age1tag1…".
inline Result<std::string> p256_recipient(const P256Point& point) {
  char text[OKO_P256_RECIPIENT_SIZE];
  const oko_status status = oko_p256_recipient(point.data(), text, sizeof text);
  if (status != OKO_OK) return detail::last_error(status);
  return std::string(text);
}

class Model {
 public:
  // Maps an .oko file.
  static Result<Model> open(const std::string& path, const ModelOptions& options = {}) {
    const oko_model_options given = detail::options_of(options);
    oko_model* model = nullptr;
    const oko_status status = oko_model_open_file(path.c_str(), &given, &model);
    return made(status, model);
  }

  // Opens the bytes of an .oko file and copies what it needs.
  static Result<Model> open(std::span<const std::byte> bytes, const ModelOptions& options = {}) {
    const oko_model_options given = detail::options_of(options);
    oko_model* model = nullptr;
    const oko_status status =
        oko_model_open_memory(bytes.data(), bytes.size(), nullptr, nullptr, &given, &model);
    return made(status, model);
  }

  // Uses the bytes in place. They must not change while `owner` lives; the last handle that uses
  // them releases it.
  static Result<Model> open_in_place(std::span<const std::byte> bytes,
                                     std::shared_ptr<const void> owner,
                                     const ModelOptions& options = {}) {
    using Owner = std::shared_ptr<const void>;
    const oko_release release = [](void* context) { delete static_cast<Owner*>(context); };
    auto context = std::make_unique<Owner>(std::move(owner));
    const oko_model_options given = detail::options_of(options);
    oko_model* model = nullptr;
    const oko_status status =
        oko_model_open_memory(bytes.data(), bytes.size(), release, context.get(), &given, &model);
    if (status == OKO_OK) static_cast<void>(context.release());
    return made(status, model);
  }

  // Opens a sealed model.
  static Result<Model> open_sealed(const std::string& path, const SealOptions& seal,
                                   const ModelOptions& options = {}) {
    const oko_seal_options how = detail::options_of(seal);
    const oko_model_options given = detail::options_of(options);
    oko_model* model = nullptr;
    const oko_status status = oko_model_open_sealed_file(path.c_str(), &how, &given, &model);
    return made(status, model);
  }
  static Result<Model> open_sealed(std::span<const std::byte> bytes, const SealOptions& seal,
                                   const ModelOptions& options = {}) {
    const oko_seal_options how = detail::options_of(seal);
    const oko_model_options given = detail::options_of(options);
    oko_model* model = nullptr;
    const oko_status status =
        oko_model_open_sealed(bytes.data(), bytes.size(), &how, &given, &model);
    return made(status, model);
  }

  // Its strings are valid as long as this model.
  ModelInfo info() const {
    auto info = detail::sized<ModelInfo>();
    oko_model_describe(get(), &info);
    return info;
  }

  // Empty if there is no such class.
  std::string_view class_name(std::int32_t class_id) const {
    const char* name = oko_model_class_name(get(), class_id);
    return name != nullptr ? name : "";
  }

  // What its detections must exceed by default; negative if there is no such class.
  float class_threshold(std::int32_t class_id) const {
    return oko_model_class_threshold(get(), class_id);
  }

  Result<HeadInfo> head(std::int32_t index) const {
    auto info = detail::sized<HeadInfo>();
    if (const oko_status status = oko_model_head(get(), index, &info); status != OKO_OK) {
      return detail::last_error(status);
    }
    return info;
  }

  const oko_model* get() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(oko_model* model) const { oko_model_close(model); }
  };
  explicit Model(oko_model* model) : handle_(model) {}
  static Result<Model> made(oko_status status, oko_model* model) {
    if (status != OKO_OK) return detail::last_error(status);
    return Model(model);
  }
  std::unique_ptr<oko_model, Close> handle_;
};

// The file inside a sealed model of another format, until it is destroyed.
class Content {
 public:
  static Result<Content> open(const std::string& path, const SealOptions& seal) {
    const oko_seal_options how = detail::options_of(seal);
    oko_content* content = nullptr;
    const oko_status status = oko_content_open_file(path.c_str(), &how, &content);
    if (status != OKO_OK) return detail::last_error(status);
    return Content(content);
  }

  std::span<const std::byte> bytes() const {
    std::size_t size = 0;
    const void* data = oko_content_bytes(handle_.get(), &size);
    return {static_cast<const std::byte*>(data), size};
  }

 private:
  struct Close {
    void operator()(oko_content* content) const { oko_content_close(content); }
  };

  explicit Content(oko_content* content) : handle_(content) {}

  std::unique_ptr<oko_content, Close> handle_;
};

// ---- Updates of sealed models -------------------------------------------------------------------

// See oko_update_options. `root` and `folder` must be set.
struct UpdateOptions {
  std::string root, folder, app_version;  // empty: oko.h's NULL
  std::int64_t now = 0;
  oko_releases releases{};
  std::string signer;
};

using UpdateModel = oko_update_model;

class Update {
 public:
  static Result<Update> check(std::span<const std::byte> index, const UpdateOptions& options) {
    const auto text = [](const std::string& s) { return s.empty() ? nullptr : s.c_str(); };
    auto given = detail::sized<oko_update_options>();
    given.root = text(options.root);
    given.folder = text(options.folder);
    given.app_version = text(options.app_version);
    given.now = options.now;
    given.releases = options.releases;
    given.signer = text(options.signer);
    oko_update* update = nullptr;
    const oko_status status = oko_update_check(index.data(), index.size(), &given, &update);
    if (status != OKO_OK) return detail::last_error(status);
    return Update(update);
  }

  // Its texts are valid as long as this update.
  Result<UpdateModel> find(const std::string& model) const {
    auto info = detail::sized<UpdateModel>();
    const oko_status status = oko_update_find(handle_.get(), model.c_str(), &info);
    if (status != OKO_OK) return detail::last_error(status);
    return info;
  }

  Result<Done> install(const std::string& model, const std::string& fetched) const {
    const oko_status status = oko_update_install(handle_.get(), model.c_str(), fetched.c_str());
    if (status != OKO_OK) return detail::last_error(status);
    return Done{};
  }

 private:
  struct Close {
    void operator()(oko_update* update) const { oko_update_close(update); }
  };

  explicit Update(oko_update* update) : handle_(update) {}

  std::unique_ptr<oko_update, Close> handle_;
};

// Names of the instruction sets that ModelOptions::target may be on this machine, best first.
inline std::vector<std::string_view> targets() {
  std::vector<std::string_view> names;
  for (const char* const* name = oko_targets(); *name != nullptr; ++name) names.push_back(*name);
  return names;
}

// ---- Frames -------------------------------------------------------------------------------------

enum class Format : std::int32_t {
  kRgb = OKO_RGB,
  kBgr = OKO_BGR,
  kRgba = OKO_RGBA,
  kBgra = OKO_BGRA,
  kGrey = OKO_GREY,
  kNv12 = OKO_NV12,
  kNv21 = OKO_NV21,
  kI420 = OKO_I420
};
enum class Range : std::int32_t { kVideo = OKO_VIDEO_RANGE, kFull = OKO_FULL_RANGE };
enum class Matrix : std::int32_t { kBt601 = OKO_BT601, kBt709 = OKO_BT709, kBt2020 = OKO_BT2020 };

// Clockwise rotation that makes the image upright.
enum class Rotation : std::int32_t {
  k0 = OKO_ROTATE_0,
  k90 = OKO_ROTATE_90,
  k180 = OKO_ROTATE_180,
  k270 = OKO_ROTATE_270
};

// An image owned by the caller, which must stay valid during detection. Sizes are in stored pixels,
// strides in bytes from one row to the next, 0 for contiguous rows.
class Frame {
 public:
  // See oko.h.
  explicit Frame(const oko_frame& frame) : frame_(frame) {}

  // One plane: kRgb, kBgr, kRgba, kBgra or kGrey.
  static Frame packed(Format format, const std::uint8_t* pixels, std::int32_t width,
                      std::int32_t height, std::size_t stride = 0) {
    return {format, width, height, {pixels}, {stride}};
  }
  static Frame rgb(const std::uint8_t* pixels, std::int32_t width, std::int32_t height,
                   std::size_t stride = 0) {
    return packed(Format::kRgb, pixels, width, height, stride);
  }
  static Frame nv12(const std::uint8_t* luma, const std::uint8_t* chroma, std::int32_t width,
                    std::int32_t height, std::size_t luma_stride = 0,
                    std::size_t chroma_stride = 0) {
    return {Format::kNv12, width, height, {luma, chroma}, {luma_stride, chroma_stride}};
  }
  static Frame nv21(const std::uint8_t* luma, const std::uint8_t* chroma, std::int32_t width,
                    std::int32_t height, std::size_t luma_stride = 0,
                    std::size_t chroma_stride = 0) {
    return {Format::kNv21, width, height, {luma, chroma}, {luma_stride, chroma_stride}};
  }
  // `chroma_step`: bytes from one U (or V) to the next; 2 where they share a plane.
  static Frame i420(const std::uint8_t* y, const std::uint8_t* u, const std::uint8_t* v,
                    std::int32_t width, std::int32_t height, std::size_t luma_stride = 0,
                    std::size_t chroma_stride = 0, std::int32_t chroma_step = 1) {
    Frame f{Format::kI420, width, height, {y, u, v}, {luma_stride, chroma_stride, chroma_stride}};
    f.frame_.chroma_step = chroma_step;
    return f;
  }

  Frame turned(Rotation rotation) const {
    return with([&](oko_frame& f) { f.rotation = static_cast<std::int32_t>(rotation); });
  }
  Frame mirrored(bool mirror = true) const {
    return with([&](oko_frame& f) { f.mirror = mirror ? 1 : 0; });
  }
  // Rotation and mirror by an EXIF orientation.
  Frame oriented(std::int32_t exif) const {
    return with([&](oko_frame& f) { oko_frame_orient(&f, exif); });
  }
  Frame colour(Range range, Matrix matrix = Matrix::kBt601) const {
    return with([&](oko_frame& f) {
      f.range = static_cast<std::int32_t>(range);
      f.matrix = static_cast<std::int32_t>(matrix);
    });
  }
  // The part to use, in stored pixels.
  Frame region(std::int32_t left, std::int32_t top, std::int32_t width, std::int32_t height) const {
    return with([&](oko_frame& f) {
      const std::int32_t edges[] = {left, top, width, height};
      for (int i = 0; i < 4; ++i) f.region[i] = edges[i];
    });
  }

  const oko_frame& get() const { return frame_; }

 private:
  struct Planes {
    const std::uint8_t* at[3];
  };
  struct Strides {
    std::size_t at[3];
  };
  Frame(Format format, std::int32_t width, std::int32_t height, Planes planes, Strides strides) {
    frame_.format = static_cast<std::int32_t>(format);
    frame_.width = width;
    frame_.height = height;
    for (int i = 0; i < 3; ++i) {
      frame_.planes[i] = planes.at[i];
      frame_.strides[i] = strides.at[i];
    }
  }
  template <typename Change>
  Frame with(const Change& change) const {
    Frame copy = *this;
    change(copy.frame_);
    return copy;
  }
  oko_frame frame_ = detail::sized<oko_frame>();
};

// ---- Detectors ----------------------------------------------------------------------------------

enum class Nms : std::int32_t {
  kPerClass = OKO_NMS_PER_CLASS,
  kAgnostic = OKO_NMS_AGNOSTIC,
  kSoft = OKO_NMS_SOFT
};

struct Thresholds {
  float score = 0, iou = 0;
  Nms nms = Nms::kPerClass;
  float soft_sigma = 0;
  std::int32_t max_detections = 0;
  std::span<const float> class_scores{};  // one per class of the model, or none
};

namespace detail {

// Valid as long as `thresholds` is.
inline oko_thresholds given(const Thresholds& thresholds) {
  auto t = sized<oko_thresholds>();
  t.score = thresholds.score;
  t.iou = thresholds.iou;
  t.nms = static_cast<std::int32_t>(thresholds.nms);
  t.soft_sigma = thresholds.soft_sigma;
  t.max_detections = thresholds.max_detections;
  t.class_scores = thresholds.class_scores.empty() ? nullptr : thresholds.class_scores.data();
  t.class_score_count = thresholds.class_scores.size();
  return t;
}

}  // namespace detail

enum class Priority : std::int32_t {
  kInherit = OKO_PRIORITY_INHERIT,
  kInteractive = OKO_PRIORITY_INTERACTIVE,
  kUtility = OKO_PRIORITY_UTILITY,
  kBackground = OKO_PRIORITY_BACKGROUND
};

class Detector {
 public:
  static Result<Detector> create(const Model& model, std::int32_t threads = 1,
                                 std::int32_t tiles = 1, Priority priority = Priority::kInherit) {
    auto options = detail::sized<oko_detector_options>();
    options.priority = static_cast<std::int32_t>(priority);
    options.threads = threads;
    options.tiles = tiles;
    oko_detector* detector = nullptr;
    if (const oko_status status = oko_detector_create(model.get(), &options, &detector);
        status != OKO_OK) {
      return detail::last_error(status);
    }
    return Detector(detector);
  }

  // Best first, in the frame's own stored pixels. Valid until this detector's next call.
  Result<std::span<const Detection>> detect(const Frame& frame,
                                            const Thresholds& thresholds = {}) & {
    const oko_thresholds t = detail::given(thresholds);
    const Detection* first = nullptr;
    std::size_t count = 0;
    if (const oko_status status = oko_detect(get(), &frame.get(), &t, &first, &count);
        status != OKO_OK) {
      return detail::last_error(status);
    }
    return std::span(first, count);
  }

  // Runs the network on a prepared input: 3 x height x width, planar, 0 to 1.
  Result<Done> run(std::span<const float> input) {
    const oko_status status = oko_run(get(), input.data(), input.size());
    if (status != OKO_OK) return detail::last_error(status);
    return Done{};
  }

  // The raw head output of the last run() or detect(). Valid until this detector's next call.
  Result<std::span<const float>> head_map(std::int32_t head) & {
    const float* first = nullptr;
    std::size_t count = 0;
    if (const oko_status status = oko_head_map(get(), head, &first, &count); status != OKO_OK) {
      return detail::last_error(status);
    }
    return std::span(first, count);
  }

  // Where the time of the last detect() went.
  Timing timing() const {
    auto timing = detail::sized<Timing>();
    oko_detector_timing(handle_.get(), &timing);
    return timing;
  }

  oko_detector* get() { return handle_.get(); }

 private:
  struct Destroy {
    void operator()(oko_detector* detector) const { oko_detector_destroy(detector); }
  };
  explicit Detector(oko_detector* detector) : handle_(detector) {}
  std::unique_ptr<oko_detector, Destroy> handle_;
};

}  // namespace oko::phone
