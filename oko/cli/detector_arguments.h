#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "oko/cli/model.h"
#include "oko/detect/detector.h"

namespace oko::cli {

// Which engine runs the network, and how; values as the flags take them.
struct EngineArguments {
  std::string engine = "auto";      // oko, torch, or auto: see make_engine()
  std::string precision = "model";  // of oko's engine: model, fp32, fp16, int8
  std::string target = "auto";      // instruction set of oko's engine; auto: the best available
  std::string device = "auto";      // auto, cpu, cuda, cuda:N
  int threads = 0;                  // 0: all cores
};

// The arguments of a command that runs a detector.
struct DetectorArguments {
  ModelArguments model;
  std::string size;  // of the input, if not the model's own
  detect::Thresholds thresholds;
  EngineArguments engine;
  // Throws a usage Error for threshold flags that exclude each other.
  std::function<void()> check_thresholds = [] {};
};

// Adds MODEL and the flags for all of it. The help shows the current values of `detector` as
// defaults.
void add_detector_arguments(CLI::App& command, DetectorArguments& detector);

// Makes the engine: "auto" is oko's engine on a CPU and LibTorch on a GPU. Throws a usage Error for
// flags that exclude each other.
std::unique_ptr<detect::Engine> make_engine(const graph::Network& network,
                                            const EngineArguments& arguments);

// Reads the model, prints what was inferred from a Darknet .cfg, and makes its engine.
detect::Detector make_detector(const DetectorArguments& detector, const Context& context);

// Sets per-class thresholds, each given as "NAME=SCORE"; other classes keep the common one. Throws
// a usage Error for an unknown class or an invalid score.
void set_class_thresholds(detect::Thresholds& thresholds, const graph::Network& network,
                          std::span<const std::string> given);

}  // namespace oko::cli
