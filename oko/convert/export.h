#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "oko/convert/executor.h"
#include "oko/convert/model_files.h"
#include "oko/convert/parity.h"
#include "oko/detect/detection.h"
#include "oko/formats/file.h"
#include "oko/graph/compact.h"
#include "oko/graph/network.h"

namespace oko::convert {

struct ExportOptions {
  Format to = Format::kOnnx;
  graph::Precision precision = graph::Precision::kFloat32;
  // The model outputs boxes: decoding and suppression are part of it. Otherwise it outputs raw
  // heads and the wrapper does that.
  bool boxes = false;
  bool ml_program = false;        // Core ML: an .mlpackage instead of an .mlmodel
  detect::Thresholds thresholds;  // used by `boxes` and by wrappers
  formats::ModelInfo info;
  std::string stem = "model";  // of the file names
};

struct Export {
  std::vector<formats::File> model;     // loaded by the other program
  std::vector<formats::File> wrappers;  // source code for an app
  std::string main;                     // the file or package that an app opens
  std::vector<std::string> notes{};     // what the format could not store exactly
};

// Throws a usage Error for conflicting options, before any work is done.
void check_options(const ExportOptions& options);

// Writes a network in another format. Throws an input Error that names the layer the format cannot
// express, and the Errors of check_options().
Export export_model(const graph::Network& network, const ExportOptions& options);

// An independent program that runs such files, or for Core ML an interpreter that shares no code
// with the writer. Null if this machine has none: `note` then says what to install, or why there is
// none. Only models that output raw heads are run; `network` describes them. For a file that oko
// did not write, `output_keys` (of ReadModel) name its outputs: it is run up to there, and if the
// program rejects it the result is null with a note.
std::unique_ptr<Executor> independent_executor(const ModelFiles& files,
                                               const graph::Network& network, std::string& note,
                                               std::span<const std::string> output_keys = {});

// Runs models that output boxes: from the network's input to boxes in its pixels. Empty if this
// machine has no program for the format; `name` is the program's, `note` as above.
BoxRunner independent_boxes(const ModelFiles& files, std::string& name, std::string& note);

}  // namespace oko::convert
