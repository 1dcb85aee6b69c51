#include "oko/formats/ncnn/masks.h"

#include <algorithm>
#include <string>

namespace oko::formats::ncnn {
namespace {

using Lines = std::set<const Line*>;

Lines needed_for(const std::string& blob, const Makers& makers) {
  Lines needed;
  std::vector<std::string> left{blob};
  while (!left.empty()) {
    const Line* const maker = makers.of(left.back());
    left.pop_back();
    if (maker == nullptr || !needed.insert(maker).second) continue;
    left.insert(left.end(), maker->inputs.begin(), maker->inputs.end());
  }
  return needed;
}

// Through a function of one blob.
bool is_of_maps(const std::string& blob, const Makers& makers) {
  constexpr int kMaps = 32;
  const Line* maker = makers.of(blob);
  if (maker != nullptr && maker->kind != "Convolution" && maker->inputs.size() == 1) {
    maker = makers.of(maker->inputs.front());
  }
  return maker != nullptr && maker->kind == "Convolution" && maker->integer(0, 0) == kMaps;
}

}  // namespace

Lines lines_of_masks(const std::vector<Line>& lines) {
  const Makers makers(lines);
  std::set<std::string> read;
  for (const Line& line : lines) read.insert(line.inputs.begin(), line.inputs.end());
  std::vector<std::string> outputs;
  for (const Line& line : lines) {
    for (const std::string& blob : line.outputs) {
      if (!read.contains(blob)) outputs.push_back(blob);
    }
  }
  if (outputs.size() != 2) return {};
  for (const std::size_t i : {0U, 1U}) {
    if (!is_of_maps(outputs[i], makers)) continue;
    Lines only = needed_for(outputs[i], makers);
    for (const Line* line : needed_for(outputs[1 - i], makers)) only.erase(line);
    const auto is_larger = [](const Line* line) { return line->kind == "Deconvolution"; };
    if (std::ranges::any_of(only, is_larger)) return only;
  }
  return {};
}

}  // namespace oko::formats::ncnn
