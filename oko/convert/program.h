#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "oko/convert/executor.h"
#include "oko/convert/parity.h"
#include "oko/detect/detection.h"
#include "oko/formats/format.h"
#include "oko/graph/network.h"

namespace oko::convert {

// What runs models of one format without oko's writers: an independent program, or for Core ML an
// interpreter that shares no code with the writer. Each is in the folder of its format, listed in
// oko/convert/CMakeLists.txt.
struct Program {
  const char* format;  // formats::Format::name
  // An executor of a model with raw heads; `network` is its content. For a file that oko did not
  // write, `keys` (ReadModel::output_keys) locate its outputs, and the model is run up to there.
  // Null if this machine has no such program or the program rejects a foreign file: `note` then
  // says why.
  std::unique_ptr<Executor> (*executor)(std::span<const formats::File> files,
                                        const graph::Network& network,
                                        std::span<const std::string> keys, std::string& note);
  // Runs models that output boxes themselves; `note` says why this machine cannot. Null: no program
  // does.
  BoxProgram (*boxes)(std::span<const formats::File> files, std::string& note) = nullptr;
};

std::span<const Program* const> programs();

// The executor or box runner of these files' format. Null with a note as above, or without one for
// oko's own format, whose program is oko's engine.
std::unique_ptr<Executor> independent_executor(const formats::Format& format,
                                               std::span<const formats::File> files,
                                               const graph::Network& network, std::string& note,
                                               std::span<const std::string> keys = {});
BoxProgram independent_boxes(const formats::Format& format, std::span<const formats::File> files,
                             std::string& note);

// Makes an executor and, for a foreign file, checks that it runs. A rejection by the program says
// nothing about the file: it goes to `note`, and the result is null.
std::unique_ptr<Executor> tried(const std::function<std::unique_ptr<Executor>()>& make,
                                const graph::Network& network, bool is_foreign, std::string& note);

}  // namespace oko::convert
