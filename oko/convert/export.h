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
  graph::KernelStorage precision = graph::KernelStorage::kFloat32;
  // Boxes come out of the model: decoding and suppression are in it. Else it gives raw heads and
  // the wrapper does that.
  bool boxes = false;
  bool ml_program = false;        // Core ML: an .mlpackage instead of an .mlmodel
  detect::Thresholds thresholds;  // of `boxes` and of wrappers
  formats::ModelInfo info;
  std::string stem = "model";  // of the files' names
};

struct Export {
  std::vector<formats::File> model;     // what the other program loads
  std::vector<formats::File> wrappers;  // source for an app, beside it
  std::string main;                     // name of the file or package that an app opens
  std::vector<std::string> notes{};     // what the format could not hold as it was
};

// Throws a usage Error for options that do not go together, before any work is done.
void check_options(const ExportOptions& options);

// Writes a network in another format. Throws an input Error naming the layer that the format cannot
// express, and what check_options() throws.
Export export_model(const graph::Network& network, const ExportOptions& options);

// A program that runs such files and that nobody here wrote, or for Core ML an interpreter that
// shares no code with the writer. Null where this machine has none: `note` then says what to
// install, or why there is none. Only models that give raw heads are run; `network` is what they
// hold. Of a file that oko did not write, `output_keys` (ReadModel's) say where its outputs are: it
// is then run up to there, and one that the program refuses gives null and a note.
std::unique_ptr<Executor> independent_executor(const ModelFiles& files,
                                               const graph::Network& network, std::string& note,
                                               std::span<const std::string> output_keys = {});

// What runs models that give boxes by themselves: from a picture's input to boxes in pixels of it.
// Empty where this machine has none for the format; `name` is the program's, `note` as above.
BoxRunner independent_boxes(const ModelFiles& files, std::string& name, std::string& note);

}  // namespace oko::convert
