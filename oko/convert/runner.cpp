#include "oko/convert/runner.h"

#include <algorithm>

#include "oko/base/error.h"
#include "oko/convert/description.h"
#include "oko/convert/head_executor.h"
#include "oko/convert/program.h"
#include "oko/convert/read.h"
#include "oko/convert/reference.h"
#include "oko/formats/heads.h"

namespace oko::convert {
namespace {

// One of the two models, and how it is read.
struct Source {
  const ModelFiles& files;
  formats::ReadOptions options;
  formats::ReadModel model{};

  bool has_heads() const { return !model.network.heads().empty(); }
  bool was_recognized() const { return !model.head_parts.empty(); }
  void read() {
    model = read_model(files, options);
    if (!model.network.weights.empty()) return;
    throw input_error(files.files.front().name, "has no weights",
                      "pass them with --weights-a or --weights-b");
  }
};

std::vector<graph::Operation> heads_of(const graph::Network& network) {
  std::vector<graph::Operation> heads;
  for (const int head : network.heads()) heads.push_back(network.layers[head].operation);
  return heads;
}

// A file that was imported with --decoding has heads of the family that gives it the same ones.
bool take_family(const Source& with, Source& without) {
  for (std::size_t i = 0; i < kWords<formats::Family>.size(); ++i) {
    formats::ReadOptions options = without.options;
    options.heads.decoding = static_cast<formats::Family>(i);
    try {
      formats::ReadModel model = read_model(without.files, options);
      if (heads_of(model.network) != heads_of(with.model.network)) continue;
      without.options = options;
      without.model = std::move(model);
      return true;
    } catch (const Error&) {  // not of that family
    }
  }
  return false;
}

void share_heads(Source& with, Source& without) {
  try {
    without.options.description = description_for(without.model.network, with.model.network);
    without.read();
  } catch (const Error&) {  // it cannot have them: its outputs are others
    without.options.description.clear();
    if (take_family(with, without)) return;
    if (!with.was_recognized()) throw;
    without.read();
  }
  if (without.has_heads() || !with.was_recognized()) return;
  with.options.raw_outputs = true;
  with.read();
}

// A file whose heads were recognized is run up to its own outputs, of which these are made.
std::unique_ptr<Executor> executor_of(const Source& source, std::string& note) {
  const formats::Format& format = *source.files.format;
  const std::vector<formats::File>& files = source.files.files;
  const formats::ReadModel& model = source.model;
  if (!source.was_recognized()) {
    return independent_executor(format, files, model.network, note, model.output_keys);
  }
  formats::ReadOptions options = source.options;
  options.raw_outputs = true;
  options.heads = {};
  const formats::ReadModel raw = read_model(source.files, options);
  auto file = independent_executor(format, files, raw.network, note, raw.output_keys);
  if (!file) return nullptr;
  return with_heads(std::move(file), raw.output_keys, model.network, model.head_parts);
}

Runner runner_of(Source source) {
  Runner runner;
  runner.executor = executor_of(source, runner.note);
  if (!runner.executor) runner.executor = make_engine_executor(source.model.network);
  runner.network = std::move(source.model.network);
  runner.notes = std::move(source.model.notes);
  return runner;
}

}  // namespace

std::pair<Runner, Runner> runners_of(const ModelFiles& first, const ModelFiles& second,
                                     const formats::ReadOptions& options) {
  Source a{first, options}, b{second, options};
  a.read();
  b.read();
  if (a.has_heads() != b.has_heads()) {
    share_heads(a.has_heads() ? a : b, a.has_heads() ? b : a);
  }
  return {runner_of(std::move(a)), runner_of(std::move(b))};
}

}  // namespace oko::convert
