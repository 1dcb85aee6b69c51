#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "oko/cli/model.h"
#include "oko/detect/detector.h"

namespace oko::cli {

// Which engine runs the network, and how. All are names, as the flags take them.
struct EngineArguments {
  std::string engine = "auto";      // oko, torch, or auto: see make_engine()
  std::string precision = "model";  // of oko's own: model, fp32, fp16, int8
  std::string target = "auto";      // instruction set of oko's own; auto: the best here
  std::string device = "auto";      // auto, cpu, cuda, cuda:N
  int threads = 0;                  // 0: all processors
};

// What a command takes to detect with a model.
struct DetectorArguments {
  ModelArguments model;
  std::string size;  // of the input, other than the model's
  detect::Thresholds thresholds;
  EngineArguments engine;
  // Throws a usage Error where flags for the thresholds do not go together.
  std::function<void()> check_thresholds = [] {};
};

// Adds MODEL and the flags for all of it. The defaults told in the help are those that `detector`
// holds now.
void add_detector_arguments(CLI::App& command, DetectorArguments& detector);

// Oko's own engine on a CPU and LibTorch on a GPU, unless one is named: that is what "auto" means.
// A usage Error for things that do not go together.
std::unique_ptr<detect::Engine> make_engine(const graph::Network& network,
                                            const EngineArguments& arguments);

// Reads the model, saying what it decided of a Darknet .cfg, and makes its engine.
detect::Detector make_detector(const DetectorArguments& detector, const Context& context);

// Gives classes thresholds of their own; each is written "NAME=SCORE". The others keep the common
// one. Usage Errors for a class that the network has not, or a score that is none.
void set_class_thresholds(detect::Thresholds& thresholds, const graph::Network& network,
                          std::span<const std::string> given);

}  // namespace oko::cli
