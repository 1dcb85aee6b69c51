#include "oko/formats/ncnn/distance_tail.h"

#include <algorithm>
#include <map>

namespace oko::formats::ncnn {
namespace {

class Finder {
 public:
  explicit Finder(const std::vector<Line>& lines) : makers_(lines) {}

  std::optional<DistanceTail> find(const Line& last) {
    const Line* rows = after(last, "Permute");
    if (rows == nullptr || last.integer(0, 0) != 1) return std::nullopt;
    if (rows->kind != "Concat" || rows->integer(0, 0) != 1) return std::nullopt;
    tail_.lines = {&last, rows};
    for (const std::string& blob : rows->inputs) {
      if (!add_level(blob)) return std::nullopt;
    }
    return tail_;
  }

 private:
  const Line* maker(const std::string& blob) const { return makers_.of(blob); }
  // What makes the only input of a line of this kind.
  const Line* after(const Line& line, std::string_view kind) const {
    return line.kind == kind && line.inputs.size() == 1 ? maker(line.inputs[0]) : nullptr;
  }

  bool add_level(const std::string& blob) {
    const Line* const reshape = maker(blob);
    if (reshape == nullptr || reshape->kind != "Reshape") return false;
    const Line* const joined = after(*reshape, "Reshape");
    if (joined == nullptr || joined->kind != "Concat" || joined->inputs.size() != 2) return false;
    const Line *const sigmoid = maker(joined->inputs[0]), *const cut = maker(joined->inputs[1]);
    if (sigmoid == nullptr || cut == nullptr || after(*sigmoid, "Sigmoid") != cut) return false;
    if (cut->kind != "Slice" || cut->outputs.size() != 2 || cut->integer(1, 0) != 0) return false;
    if (sigmoid->inputs[0] != cut->outputs[0] || joined->inputs[1] != cut->outputs[1]) return false;
    const std::vector<int> parts = cut->integers(0);
    const int channels = reshape->integer(1, 0);
    if (parts.empty() || parts[0] < 1 || channels <= parts[0]) return false;
    const int sides = channels - parts[0];
    if (sides % 4 != 0 || (tail_.classes != 0 && parts[0] != tail_.classes)) return false;
    if (tail_.bins != 0 && sides / 4 != tail_.bins) return false;
    tail_.classes = parts[0];
    tail_.bins = sides / 4;
    tail_.outputs.push_back(cut->inputs[0]);
    tail_.lines.insert({reshape, joined, sigmoid, cut});
    return true;
  }

  Makers makers_;
  DistanceTail tail_;
};

}  // namespace

std::optional<DistanceTail> find_distance_tail(const std::vector<Line>& lines) {
  return lines.empty() ? std::nullopt : Finder(lines).find(lines.back());
}

}  // namespace oko::formats::ncnn
