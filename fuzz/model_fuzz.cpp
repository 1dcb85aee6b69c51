// needs: phone graph
// Any bytes are rejected as a model or give a detector that processes a frame: nothing may crash,
// read out of bounds or take more time than the layers account for.

#include <oko/oko.h>

#include <array>
#include <cstdint>
#include <cstdlib>

#include "oko/base/error.h"
#include "oko/graph/oko_file.h"

namespace {

using namespace oko::graph;

// About how many values a layer reads to compute its output.
double work_of(const Network& network, const Layer& layer) {
  const auto numbers = static_cast<double>(layer.output.count());
  if (const auto* pool = std::get_if<MaxPool>(&layer.operation)) {
    return numbers * pool->size * pool->size;
  }
  if (const auto* c = std::get_if<Convolution>(&layer.operation)) {
    const Shape& in = shape_of(network, layer.inputs.front());
    // Padding is work too, and kernels are packed in panels of up to 32 filters.
    const double padded = static_cast<double>(in.height + c->padding.top + c->padding.bottom) *
                          (in.width + c->padding.left + c->padding.right) * in.channels;
    return padded + (numbers + 32. * c->groups) * c->reach() * c->reach() * in.channels / c->groups;
  }
  if (const auto* pool = std::get_if<AveragePool>(&layer.operation)) {
    if (pool->is_global()) return static_cast<double>(shape_of(network, layer.inputs[0]).count());
    return numbers * pool->size * pool->size;
  }
  if (std::holds_alternative<Attention>(layer.operation)) {
    const Shape& in = shape_of(network, layer.inputs.front());
    return static_cast<double>(in.count()) * in.height * in.width;
  }
  return numbers * static_cast<double>(layer.inputs.size());
}

// Small enough for a few milliseconds.
bool is_small(const Network& network) {
  constexpr double kMostWork = 2e6;
  double work = static_cast<double>(network.input.count());
  for (const Layer& layer : network.layers) work += work_of(network, layer);
  return work < kMostWork;
}

void require(bool condition) {
  if (!condition) std::abort();
}

void look(const oko_model* model) {
  oko_detector_options options{};
  options.struct_size = sizeof options;
  options.threads = 2;
  oko_detector* detector = nullptr;
  require(oko_detector_create(model, &options, &detector) == OKO_OK);
  static std::array<std::uint8_t, 23 * 17 * 3> pixels = [] {
    std::array<std::uint8_t, 23 * 17 * 3> noise{};
    std::uint32_t state = 1;
    for (auto& v : noise) v = static_cast<std::uint8_t>((state = state * 1664525U + 1) >> 24);
    return noise;
  }();
  oko_frame frame{};
  frame.struct_size = sizeof frame;
  frame.width = 23;
  frame.height = 17;
  frame.planes[0] = pixels.data();
  frame.rotation = OKO_ROTATE_90;
  oko_thresholds everything{};
  everything.struct_size = sizeof everything;
  everything.score = -1;
  const oko_detection* found = nullptr;
  std::size_t count = 0;
  require(oko_detect(detector, &frame, &everything, &found, &count) == OKO_OK);
  for (std::size_t i = 0; i < count; ++i) {
    require(oko_model_class_name(model, found[i].class_id) != nullptr);
    const float threshold = oko_model_class_threshold(model, found[i].class_id);
    require(threshold >= 0 && threshold <= 1);
    require(found[i].left >= 0 && found[i].right <= 23 && found[i].left <= found[i].right);
    require(found[i].top >= 0 && found[i].bottom <= 17 && found[i].top <= found[i].bottom);
  }
  oko_detector_destroy(detector);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bool small = false;
  try {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    small = is_small(read_oko(oko::Bytes(text), "input").network);
  } catch (const oko::Error&) {
  }
  // Large ones are also opened, but not run: they are rejected or planned.
  int targets = 0;
  while (oko_targets()[targets] != nullptr) ++targets;
  oko_model_options options{};
  options.struct_size = sizeof options;
  options.precision = static_cast<std::int32_t>(size / 2 % 4);
  options.target = oko_targets()[size / 8 % static_cast<std::size_t>(targets)];
  oko_model* model = nullptr;
  const oko_status status = oko_model_open_memory(data, size, nullptr, nullptr, &options, &model);
  require(status == OKO_OK || status == OKO_BAD_MODEL);
  if (model == nullptr) return 0;
  oko_model_info info{};
  info.struct_size = sizeof info;
  require(oko_model_describe(model, &info) == OKO_OK);
  if (small) look(model);
  oko_model_close(model);
  return 0;
}
