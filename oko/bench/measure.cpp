#include "oko/bench/measure.h"

#include <oko/oko.h>

#include <algorithm>
#include <array>
#include <thread>

#include "oko/base/clock.h"
#include "oko/base/error.h"
#include "oko/base/owned.h"
#include "oko/bench/machine.h"

namespace oko::bench {
namespace {

constexpr std::array<const char*, 4> kPrecisions = {"model", "fp32", "fp16", "int8"};
constexpr double kSeconds = 2;
constexpr int kFewest = 5, kMost = 100000;

using Model = Owned<oko_model, oko_model_close>;
using Detector = Owned<oko_detector, oko_detector_destroy>;

void check(oko_status status) {
  if (status == OKO_OK) return;
  throw Error(status == OKO_FAILED ? ErrorCode::kFailed : ErrorCode::kInput, "bench",
              oko_last_error());
}

Model open(const Settings& settings) {
  oko_model_options options{};
  options.struct_size = sizeof options;
  options.precision = precision_named(settings.precision);
  if (options.precision < 0) {
    throw Error(ErrorCode::kUsage, "--precision", "unknown precision " + settings.precision,
                "use model, fp32, fp16 or int8");
  }
  options.width = settings.width;
  options.height = settings.height;
  if (settings.target != "auto") options.target = settings.target.c_str();
  oko_model* model = nullptr;
  if (settings.file.empty()) {
    check(oko_model_open_memory(settings.bytes.data(), settings.bytes.size(), nullptr, nullptr,
                                &options, &model));
  } else {
    check(oko_model_open_file(settings.file.c_str(), &options, &model));
  }
  return Model(model);
}

// Noise: what is in a frame changes little of the time, and the same frame of every machine
// nothing.
std::vector<std::uint8_t> noise(std::size_t count) {
  std::vector<std::uint8_t> bytes(count);
  std::uint32_t state = 1;
  for (std::uint8_t& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  return bytes;
}

struct Times {
  std::vector<double> total, prepare, network, decode;
};

void describe(const oko_model* model, Result& result) {
  oko_model_info info{};
  info.struct_size = sizeof info;
  check(oko_model_describe(model, &info));
  result.library = oko_version();
  result.target = info.target;
  for (const char* const* target = oko_targets(); *target != nullptr; ++target) {
    result.targets.emplace_back(*target);
  }
  result.precision = kPrecisions.at(static_cast<std::size_t>(info.precision));
  result.abi = abi();
  result.processor = processor();
  result.cores = static_cast<int>(std::thread::hardware_concurrency());
  result.model = info.name;
  result.width = info.width;
  result.height = info.height;
  result.classes = info.class_count;
  result.heads = info.head_count;
  result.flop = info.flop;
  result.weight_bytes = info.weight_bytes;
  result.activation_bytes = info.activation_bytes;
}

Times detect(oko_detector* detector, const Settings& settings, Result& result) {
  const auto width = static_cast<std::size_t>(settings.frame_width);
  const auto height = static_cast<std::size_t>(settings.frame_height);
  const std::size_t chroma_row = (width + 1) / 2 * 2;
  const auto pixels = noise(width * height + chroma_row * ((height + 1) / 2));
  oko_frame frame{};
  frame.struct_size = sizeof frame;
  frame.format = OKO_NV12;
  frame.width = settings.frame_width;
  frame.height = settings.frame_height;
  frame.planes[0] = pixels.data();
  frame.planes[1] = pixels.data() + width * height;
  const oko_detection* found = nullptr;
  std::size_t count = 0;
  for (int i = 0; i < settings.warm_up; ++i) {
    check(oko_detect(detector, &frame, nullptr, &found, &count));
  }
  Times times;
  const auto begin = Clock::now();
  const auto enough = [&](int done) {
    if (settings.rounds > 0) return done >= settings.rounds;
    return done >= kMost || (done >= kFewest && seconds_since(begin) >= kSeconds);
  };
  for (result.rounds = 0; !enough(result.rounds); ++result.rounds) {
    const auto start = Clock::now();
    check(oko_detect(detector, &frame, nullptr, &found, &count));
    times.total.push_back(seconds_since(start) * 1e3);
    oko_timing timing{};
    timing.struct_size = sizeof timing;
    check(oko_detector_timing(detector, &timing));
    times.prepare.push_back(timing.prepare_ms);
    times.network.push_back(timing.network_ms);
    times.decode.push_back(timing.decode_ms);
  }
  return times;
}

}  // namespace

std::int32_t precision_named(const std::string& word) {
  const auto found = std::find(kPrecisions.begin(), kPrecisions.end(), word);
  return found == kPrecisions.end() ? -1 : static_cast<std::int32_t>(found - kPrecisions.begin());
}

Result measure(const Settings& settings) {
  Result result;
  const auto begin = Clock::now();
  const Model model = open(settings);
  result.open_ms = seconds_since(begin) * 1e3;
  describe(model.get(), result);
  oko_detector_options options{};
  options.struct_size = sizeof options;
  options.threads = settings.threads;
  oko_detector* made = nullptr;
  check(oko_detector_create(model.get(), &options, &made));
  const Detector detector(made);
  result.threads = settings.threads;
  result.warm_up = settings.warm_up;
  result.frame_width = settings.frame_width;
  result.frame_height = settings.frame_height;
  const Times times = detect(detector.get(), settings, result);
  result.total = spread_of(times.total);
  result.prepare = spread_of(times.prepare);
  result.network = spread_of(times.network);
  result.decode = spread_of(times.decode);
  result.peak_bytes = peak_bytes();
  return result;
}

}  // namespace oko::bench
