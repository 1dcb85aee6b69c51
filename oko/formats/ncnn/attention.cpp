#include "oko/formats/ncnn/attention.h"

#include <optional>

namespace oko::formats::ncnn {
namespace {

class Finder {
 public:
  explicit Finder(const std::vector<Line>& lines) : makers_(lines) {}

  // The queries, turned, times the keys; their softmax; the values times that, turned.
  std::optional<AttentionLines> find(const Line& last) {
    AttentionLines found;
    const Line* const sums = last.kind == "Reshape" ? maker(last, 0, "MatMul") : nullptr;
    const Line* const softmax = maker(sums, 1, "Softmax");
    const Line* const scaled = maker(softmax, 0, "BinaryOp");
    const Line* const dots = maker(scaled, 0, "MatMul");
    const Line* const turned = maker(dots, 0, "Permute");
    const Line* const parts = maker(turned, 0, "Slice");
    const Line* const heads = maker(parts, 0, "Reshape");
    constexpr int kMultiply = 2;
    if (heads == nullptr || sums->integer(0, 0) != 1 || softmax->integer(0, 0) != 2 ||
        scaled->inputs.size() != 1 || scaled->integer(0, 0) != kMultiply ||
        dots->integer(0, 0) != 0 || order_of(turned->integer(0, 0)) != std::array{0, 2, 1} ||
        parts->integer(1, 0) != 1 || parts->outputs.size() != 3 ||
        turned->inputs[0] != parts->outputs[0] || dots->inputs[1] != parts->outputs[1] ||
        sums->inputs[0] != parts->outputs[2]) {
      return std::nullopt;
    }
    const std::vector<int> sizes = parts->integers(0);
    if (sizes.size() != 3 || sizes[0] != sizes[1]) return std::nullopt;
    found.attention = {heads->integer(2, 0), sizes[0], scaled->number(2, 0)};
    found.from = heads->inputs[0];
    found.parts = {sums, softmax, scaled, dots, turned, parts, heads};
    return found;
  }

 private:
  // What makes an input of a line, if that is of this kind; null of null.
  const Line* maker(const Line* line, std::size_t input, std::string_view kind) const {
    if (line == nullptr || input >= line->inputs.size()) return nullptr;
    const Line* const found = makers_.of(line->inputs[input]);
    return found != nullptr && found->kind == kind ? found : nullptr;
  }
  const Line* maker(const Line& line, std::size_t input, std::string_view kind) const {
    return maker(&line, input, kind);
  }

  Makers makers_;
};

}  // namespace

std::map<const Line*, AttentionLines> find_attentions(const std::vector<Line>& lines) {
  std::map<const Line*, AttentionLines> all;
  Finder finder(lines);
  for (const Line& line : lines) {
    if (auto found = finder.find(line)) all.emplace(&line, std::move(*found));
  }
  return all;
}

}  // namespace oko::formats::ncnn
