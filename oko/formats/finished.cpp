#include <algorithm>
#include <utility>

#include "oko/formats/class_names.h"
#include "oko/formats/format.h"
#include "oko/formats/recognize.h"

namespace oko::formats {
namespace {

// An output that could be a head: anchors × (5 + classes) values for each cell of a grid.
bool looks_like_head(const graph::Network& network, int output) {
  const graph::Shape& shape = network.layers[output].output;
  return shape.height * shape.width > 1 && shape.channels > 5;
}

std::optional<Error> why_no_heads(const Imported& imported) {
  if (auto error = lacks_only_anchors(imported)) return error;
  try {
    check_head_outputs(imported, false);
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  }
}

// What is known of each of Imported::outputs, in the network's order: heads are in layer order, the
// file's outputs in its own. Empty if there is nothing for one of them.
template <typename T>
std::vector<T> in_order(const std::vector<T>& known, const Imported& imported) {
  std::vector<T> sorted;
  for (const int output : imported.network.outputs()) {
    const auto found = std::ranges::find(imported.outputs, output) - imported.outputs.begin();
    if (static_cast<std::size_t>(found) >= known.size()) return {};
    sorted.push_back(known[found]);
  }
  return sorted;
}

// With the user's anchors.
void add_given_heads(Imported& imported, const HeadOptions& heads) {
  if (heads.decoding) check_proved(imported, *heads.decoding);
  if (!recognize_with_anchors(imported, heads)) add_heads(imported, heads);
}

}  // namespace

ReadModel finished(Imported imported, const ReadOptions& options) {
  ReadModel result;
  if (imported.network.heads().empty()) {
    if (!options.heads.anchors.empty()) {
      add_given_heads(imported, options.heads);
      result.has_given_heads = true;
    } else if (options.heads.decoding) {
      recognize_heads(imported, options.heads.decoding);
      result.has_given_heads = true;
    } else if (!options.description.empty()) {
      apply_description(imported, options.description, imported.network.name);
    } else if (options.raw_outputs || imported.described || !recognize_heads(imported)) {
      result.lacks_heads = std::ranges::any_of(
          imported.outputs, [&](int output) { return looks_like_head(imported.network, output); });
      if (result.lacks_heads) result.why_no_heads = why_no_heads(imported);
    }
  }
  if (!imported.defines_preprocessing && imported.network.input.channels == 3) {
    imported.notes.push_back(
        std::string("the file does not define preprocessing; assuming letterboxed, ") +
        (imported.network.preprocess.bgr ? "BGR" : "RGB") +
        (imported.defines_range ? "" : ", 0 to 1"));
  }
  apply_labels(imported);
  set_raw_outputs(imported);
  // Those that a reader itself recognized are of the family that was given.
  if (options.heads.decoding && !imported.parts.empty()) result.has_given_heads = true;
  result.output_keys = in_order(imported.keys, imported);
  result.head_parts = in_order(imported.parts, imported);
  result.network = std::move(imported.network);
  result.notes = std::move(imported.notes);
  return result;
}

}  // namespace oko::formats
