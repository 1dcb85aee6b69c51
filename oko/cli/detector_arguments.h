#pragma once

#include <CLI/CLI.hpp>
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "oko/base/simd.h"
#include "oko/cli/model.h"
#include "oko/detect/detector.h"
#include "oko/graph/precision.h"

namespace oko::cli {

// How oko's own engine runs the network.
struct OwnEngineArguments {
  std::optional<graph::Precision> precision{};  // none: the model's
  std::optional<SimdTarget> target{};           // none: the best available
  int threads = 0;                              // of either engine; 0: all cores
};

enum class EngineKind { kAuto, kOko, kTorch };
constexpr auto words_of(EngineKind) {
  return std::to_array<std::string_view>({"auto", "oko", "torch"});
}

// Which engine runs the network, and how.
struct EngineArguments {
  EngineKind kind = EngineKind::kAuto;  // see make_engine()
  OwnEngineArguments own{};
  std::string device = "auto";  // auto, cpu, cuda, cuda:N
};

// The arguments of a command that runs a detector.
struct DetectorArguments {
  ModelArguments model;
  std::string size;  // of the input, if not the model's own
  detect::Thresholds thresholds;
  // Without --threshold each class has the model's own, if the file says one.
  bool takes_own_thresholds = false;
  std::function<bool()> has_threshold = [] { return false; };  // whether --threshold is given
  int tiles = 1;  // of an image, in a row; 1: it is not cut
  EngineArguments engine;
  // Throws a usage Error for threshold flags that exclude each other.
  std::function<void()> check_thresholds = [] {};
};

// Adds --precision, --target and --threads.
void add_own_engine_arguments(CLI::App& command, OwnEngineArguments& own);

// Adds MODEL and the flags for all of it. The help shows the current values of `detector` as
// defaults.
void add_detector_arguments(CLI::App& command, DetectorArguments& detector);

// Makes the engine: kAuto is oko's engine on a CPU and LibTorch on a GPU. Throws a usage Error for
// flags that exclude each other.
std::unique_ptr<detect::Engine> make_engine(const graph::Network& network,
                                            const EngineArguments& arguments);

// Reads the model, prints what was inferred from a Darknet .cfg, and makes its engine. oko-light
// may start oko-commands for it (whole.h), so nothing may be printed before.
detect::Detector make_detector(const DetectorArguments& detector, const Context& context);

// The arguments' thresholds, or those of the network's classes where they are to be taken.
detect::Thresholds thresholds_for(const graph::Network& network, const DetectorArguments& detector);

// Sets per-class thresholds, each given as "NAME=SCORE"; other classes keep what they have. Throws
// a usage Error for an unknown class or an invalid score.
void set_class_thresholds(detect::Thresholds& thresholds, const graph::Network& network,
                          std::span<const std::string> given);

}  // namespace oko::cli
