// The C API over Model and Detector: checks arguments, converts exceptions to codes, owns strings.
#include "oko/runtime/c_api.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "oko/base/error.h"
#include "oko/base/locked.h"
#include "oko/detect/detector.h"
#include "oko/graph/cost.h"
#include "oko/graph/head.h"
#include "oko/graph/oko_file.h"
#include "oko/image/tiles.h"
#include "oko/runtime/engine.h"
#include "oko/runtime/executor.h"
#include "oko/runtime/file.h"

using oko::Bytes;
using oko::Error;
using oko::ErrorCode;
using namespace oko::c_api;

namespace {

// oko_precision counts on from OKO_FLOAT32 as graph::Precision does from its first.
static_assert(OKO_FLOAT16 - OKO_FLOAT32 == static_cast<int>(oko::graph::Precision::kFloat16));
static_assert(OKO_INT8 - OKO_FLOAT32 == static_cast<int>(oko::graph::Precision::kInt8));

oko::runtime::ModelOptions model_options(const oko_model_options& o, const char* place) {
  oko::runtime::ModelOptions options;
  if (o.precision < OKO_PRECISION_MODEL || o.precision > OKO_INT8) {
    throw usage(place, "precision " + std::to_string(o.precision) + " is not an oko_precision");
  }
  if (o.precision != OKO_PRECISION_MODEL) {
    options.precision = static_cast<oko::graph::Precision>(o.precision - OKO_FLOAT32);
  }
  if (o.target != nullptr) {
    const auto target = oko::simd_target_named(o.target);
    if (!target) {
      throw usage(place, std::string("this machine does not support the target ") + o.target,
                  "use one of oko_targets()");
    }
    options.target = *target;
  }
  return options;
}

template <typename Enum>
Enum checked(std::int32_t value, std::int32_t last, const char* name) {
  if (value < 0 || value > last) {
    throw usage("oko_frame", std::string(name) + " " + std::to_string(value) + " is unknown");
  }
  return static_cast<Enum>(value);
}

float or_default(float value, float standard) { return value == 0 ? standard : value; }

// Replaces `old` by packed weights, unless it is a foreign file.
void keep(const oko::runtime::Model& model, const char* path, const Bytes& old) {
  if (!oko::runtime::may_be_replaced(old)) return;
  try {
    oko::runtime::write_whole(path, model.packed());
  } catch (const std::exception&) {
    // A cache that cannot be written only costs time at the next open.
  }
}

// What the model's file says of itself.
void describe_file(const oko_model& model, oko_model_info& info) {
  const auto text = [](const std::string& s) { return s.empty() ? nullptr : s.c_str(); };
  const oko::graph::About& about = model.about;
  info.version = text(about.info.version);
  info.hash = text(model.hash);
  info.checksum = text(model.checksum);
  info.trained = about.trained;
  info.own_thresholds = about.thresholds.empty() ? 0 : 1;
  if (!about.measured) return;
  info.map50 = about.measured->map50;
  info.map = about.measured->map;
  info.measured_on = text(about.measured->dataset);
  info.measured_split = text(about.measured->split);
  info.measured_images = about.measured->images;
  info.measured_itself = !model.hash.empty() && about.measured->hash == model.hash ? 1 : 0;
}

// Of one head, pixels of the network's input; none if its boxes have no anchors.
std::vector<oko::graph::Anchor> anchors_of(const oko::graph::Network& network, int layer) {
  const oko::graph::Operation& operation = network.layers[layer].operation;
  if (const auto* ssd = std::get_if<oko::graph::Ssd>(&operation)) return ssd->anchors;
  if (std::holds_alternative<oko::graph::Distances>(operation)) return {};
  const oko::graph::AnchorHead head = oko::graph::anchor_head_of(network, layer);
  std::vector<oko::graph::Anchor> anchors;
  for (int box = 0; box < head.boxes; ++box) anchors.push_back(head.anchor(box));
  return anchors;
}

}  // namespace

oko_detection oko::c_api::detection_of(const oko::detect::Detection& d) {
  return {d.class_id, d.score, d.box.left, d.box.top, d.box.right, d.box.bottom};
}

void oko::c_api::require_runnable(const oko_model& model, const char* place) {
  if (!model.describe_only) return;
  throw usage(place, "the model was opened with describe_only", "open it without");
}

int oko::c_api::threads_of(std::int32_t threads, const char* place) {
  constexpr int kMostThreads = 64;
  if (threads < 0 || threads > kMostThreads) {
    throw usage(place, "threads " + std::to_string(threads) + " is not in 0…" +
                           std::to_string(kMostThreads));
  }
  return std::max(1, threads);
}

oko::runtime::Priority oko::c_api::priority_of(std::int32_t priority, const char* place) {
  if (priority < OKO_PRIORITY_INHERIT || priority > OKO_PRIORITY_BACKGROUND) {
    throw usage(place, "priority " + std::to_string(priority) + " is not an oko_priority");
  }
  return static_cast<oko::runtime::Priority>(priority);
}

oko::image::Frame oko::c_api::frame_of(const oko_frame& f) {
  using namespace oko::image;
  Frame frame;
  frame.format = checked<PixelFormat>(f.format, OKO_I420, "format");
  frame.size = {f.width, f.height};
  std::copy(std::begin(f.planes), std::end(f.planes), frame.planes.begin());
  std::copy(std::begin(f.strides), std::end(f.strides), frame.strides.begin());
  frame.chroma_step = f.chroma_step;
  frame.range = checked<YuvRange>(f.range, OKO_FULL_RANGE, "range");
  frame.matrix = checked<YuvMatrix>(f.matrix, OKO_BT2020, "matrix");
  frame.rotation = static_cast<Rotation>(f.rotation);  // check() rejects invalid ones
  frame.mirror = f.mirror != 0;
  frame.region = {f.region[0], f.region[1], f.region[2], f.region[3]};
  return frame;
}

oko::detect::Thresholds oko::c_api::thresholds_of(const oko_thresholds& t, int class_count,
                                                  const std::vector<float>& own) {
  oko::detect::Thresholds thresholds;
  const char* place = "oko_thresholds";
  for (const float value : {t.score, t.iou, t.soft_sigma}) {
    if (!std::isfinite(value)) throw usage(place, "a threshold is not a number");
  }
  thresholds.score = or_default(t.score, thresholds.score);
  thresholds.iou = or_default(t.iou, thresholds.iou);
  thresholds.soft_sigma = or_default(t.soft_sigma, thresholds.soft_sigma);
  thresholds.nms = checked<oko::detect::NmsKind>(t.nms, OKO_NMS_SOFT, "nms");
  if (t.max_detections < 0) throw usage(place, "max_detections is negative");
  if (t.max_detections > 0) thresholds.max_detections = t.max_detections;
  if (t.class_scores != nullptr) {
    if (class_count >= 0 && t.class_score_count != static_cast<std::size_t>(class_count)) {
      throw usage(place, "class_scores has " + std::to_string(t.class_score_count) +
                             " scores, but the model has " + std::to_string(class_count) +
                             " classes");
    }
    thresholds.class_scores.assign(t.class_scores, t.class_scores + t.class_score_count);
  } else if (t.score == 0) {
    thresholds.class_scores = own;
  }
  return thresholds;
}

std::unique_ptr<oko_model> oko::c_api::open_model(const Bytes& bytes, const std::string& name,
                                                  const oko_model_options* given, const char* place,
                                                  Origin origin) {
  using oko::runtime::Model;
  const oko_model_options o = known(given, place);
  oko::runtime::ModelOptions options = model_options(o, place);
  options.secret = origin == Origin::kSealed;
  if (origin == Origin::kMapped) options.mapped = bytes.span();
  options.plan_only = o.describe_only != 0;
  assert(!options.secret || o.cache_path == nullptr);
  oko::graph::OkoFile file = oko::graph::read_oko(bytes, name);
  oko::graph::Network network = std::move(file.network);
  if (network.heads().empty()) {
    throw oko::input_error(name, "the network has no detection head",
                           "use a detector, whose last layers are yolo or region");
  }
  if (network.input.channels != 3) {
    throw oko::input_error(name, "the network takes " + std::to_string(network.input.channels) +
                                     " channels but frames have 3");
  }
  if ((o.width != 0) != (o.height != 0)) throw usage(place, "only one of width and height is set");
  if (o.width != 0) network = oko::graph::resized(std::move(network), o.width, o.height);

  auto model = std::make_unique<oko_model>();
  model->about = oko::graph::about(network);
  model->hash = std::move(file.hash);
  model->checksum = std::move(file.checksum);
  model->describe_only = options.plan_only;
  for (int i = 0; i < network.class_count(); ++i) {
    const auto index = static_cast<std::size_t>(i);
    model->class_names.push_back(index < network.classes.size() ? network.classes[index]
                                                                : "class " + std::to_string(i));
  }
  std::optional<Bytes> cached;
  if (o.cache_path != nullptr && !options.plan_only)
    cached = oko::runtime::map_if_there(o.cache_path);
  if (cached && !cached->empty()) model->model = Model::from_packed(network, options, *cached);
  model->cache_hit = model->model != nullptr;
  if (!model->model) model->model = Model::make(std::move(network), options);
  if (cached && !model->cache_hit) keep(*model->model, o.cache_path, *cached);
  return model;
}

extern "C" {

const char* oko_version(void) { return OKO_VERSION; }

oko_status oko_model_open_file(const char* path, const oko_model_options* options,
                               oko_model** out) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_model_open_file";
    require(path, kPlace, "path");
    require(out, kPlace, "out");
    *out =
        open_model(oko::runtime::map_file(path), path, options, kPlace, Origin::kMapped).release();
  });
}

oko_status oko_model_open_memory(const void* data, size_t size, oko_release release, void* context,
                                 const oko_model_options* options, oko_model** out) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_model_open_memory";
    require(data, kPlace, "data");
    require(out, kPlace, "out");
    const auto* bytes = static_cast<const std::byte*>(data);
    if (release == nullptr) {
      *out = open_model(Bytes(std::vector<std::byte>(bytes, bytes + size)), "model", options,
                        kPlace, Origin::kMemory)
                 .release();
      return;
    }
    // The caller's release must not be called if anything below fails.
    struct Owner {
      oko_release release;
      void* context;
      bool armed = false;
      ~Owner() {
        if (armed) release(context);
      }
    };
    const auto owner = std::make_shared<Owner>(Owner{release, context});
    const Bytes view(owner, std::span(bytes, size));
    std::unique_ptr<oko_model> model = open_model(view, "model", options, kPlace, Origin::kMemory);
    owner->armed = true;
    *out = model.release();
  });
}

// The stack may keep what kernels spilled: values of a sealed model, perhaps.
void oko_model_close(oko_model* model) {
  delete model;
  oko::wipe_stack();
}

oko_status oko_model_describe(const oko_model* model, oko_model_info* info) {
  return guarded([&] {
    require(model, "oko_model_describe", "model");
    const oko::runtime::Plan& plan = model->model->plan();
    const oko::graph::Network& network = model->model->network();
    oko_model_info all{};
    all.name = network.name.c_str();
    all.target = oko::name_of(plan.target);
    all.precision = OKO_FLOAT32 + static_cast<std::int32_t>(plan.precision);
    all.width = network.input.width;
    all.height = network.input.height;
    all.class_count = network.class_count();
    all.head_count = static_cast<std::int32_t>(plan.heads.size());
    all.weight_bytes = plan.weight_bytes;
    all.activation_bytes = oko::runtime::executor_bytes(plan, 1);
    all.flop = oko::graph::total_cost(network).flop;
    all.cache_hit = model->cache_hit ? 1 : 0;
    describe_file(*model, all);
    give(all, info, "oko_model_describe");
  });
}

const char* oko_model_class_name(const oko_model* model, int32_t class_id) {
  if (model == nullptr || class_id < 0) return nullptr;
  const auto index = static_cast<std::size_t>(class_id);
  return index < model->class_names.size() ? model->class_names[index].c_str() : nullptr;
}

float oko_model_class_threshold(const oko_model* model, int32_t class_id) {
  if (oko_model_class_name(model, class_id) == nullptr) return -1;
  const std::vector<float>& own = model->about.thresholds;
  return own.empty() ? oko::detect::Thresholds{}.score : own[static_cast<std::size_t>(class_id)];
}

oko_status oko_model_head(const oko_model* model, int32_t head, oko_head_info* info) {
  return guarded([&] {
    require(model, "oko_model_head", "model");
    const oko::graph::Network& network = model->model->network();
    const std::vector<int> heads = network.heads();
    if (head < 0 || static_cast<std::size_t>(head) >= heads.size()) {
      throw usage("oko_model_head", "there is no head " + std::to_string(head) +
                                        "; the model has " + std::to_string(heads.size()));
    }
    const oko::graph::Shape& shape = model->model->plan().heads[head];
    const std::vector<oko::graph::Anchor> anchors = anchors_of(network, heads[head]);
    oko_head_info all{};
    all.channels = shape.channels;
    all.height = shape.height;
    all.width = shape.width;
    all.anchor_count = static_cast<int>(anchors.size());
    const std::size_t room = std::size(all.anchors) / 2;
    for (std::size_t i = 0; i < std::min(room, anchors.size()); ++i) {
      all.anchors[2 * i] = anchors[i].width;
      all.anchors[2 * i + 1] = anchors[i].height;
    }
    give(all, info, "oko_model_head");
  });
}

const char* const* oko_targets(void) {
  static const std::vector<const char*> names = [] {
    std::vector<const char*> all;
    for (const oko::SimdTarget target : oko::simd_targets()) all.push_back(oko::name_of(target));
    all.push_back(nullptr);
    return all;
  }();
  return names.data();
}

oko_status oko_detector_create(const oko_model* model, const oko_detector_options* options,
                               oko_detector** out) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_detector_create";
    require(model, kPlace, "model");
    require(out, kPlace, "out");
    const oko_detector_options o = known(options, kPlace);
    if (o.tiles < 0 || o.tiles > oko::image::kMostTiles) {
      throw usage(kPlace, "tiles " + std::to_string(o.tiles) + " is not in 0…" +
                              std::to_string(oko::image::kMostTiles));
    }
    require_runnable(*model, kPlace);
    *out = new oko_detector(*model, threads_of(o.threads, kPlace), priority_of(o.priority, kPlace),
                            std::max(1, o.tiles));
  });
}

void oko_detector_destroy(oko_detector* detector) {
  delete detector;
  oko::wipe_stack();
}

oko_status oko_detect_sized(oko_detector* detector, const oko_frame* frame,
                            const oko_thresholds* thresholds, const oko_detection** detections,
                            size_t* count, size_t detection_size) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_detect";
    require(detector, kPlace, "detector");
    require(frame, kPlace, "frame");
    require(detections, kPlace, "detections");
    require(count, kPlace, "count");
    check_size<oko_detection>(detection_size, kFirstDetectionSize, kPlace, "detection");
    const oko::detect::Thresholds wanted =
        thresholds_of(known(thresholds, "oko_thresholds"),
                      detector->detector.network().class_count(), detector->own_scores);
    const oko::detect::Result result = detector->detector.detect_tiled(
        frame_of(known(frame, "oko_frame")), wanted, detector->tiles);
    detector->found.give(result.detections, detection_of, detection_size, detections, count);
  });
}

oko_status oko_run(oko_detector* detector, const float* input, size_t count) {
  return guarded([&] {
    require(detector, "oko_run", "detector");
    require(input, "oko_run", "input");
    detector->detector.run({input, count});
  });
}

oko_status oko_head_map(oko_detector* detector, int32_t head, const float** values, size_t* count) {
  return guarded([&] {
    constexpr const char* kPlace = "oko_head_map";
    require(detector, kPlace, "detector");
    require(values, kPlace, "values");
    require(count, kPlace, "count");
    const std::size_t number = detector->detector.network().heads().size();
    if (head < 0 || static_cast<std::size_t>(head) >= number) {
      throw usage(kPlace, "there is no head " + std::to_string(head) + "; the model has " +
                              std::to_string(number));
    }
    const auto heads = detector->detector.heads();
    if (heads.empty()) throw usage(kPlace, "nothing has run yet", "call oko_detect() or oko_run()");
    *values = heads[head].data();
    *count = heads[head].size();
  });
}

oko_status oko_detector_timing(const oko_detector* detector, oko_timing* timing) {
  return guarded([&] {
    require(detector, "oko_detector_timing", "detector");
    const oko::detect::Timing& last = detector->detector.timing();
    const oko_timing all{0, last.prepare * 1e3, last.network * 1e3, last.decode * 1e3};
    give(all, timing, "oko_detector_timing");
  });
}

}  // extern "C"
