#include "oko/formats/ncnn/attention.h"

#include <optional>

namespace oko::formats::ncnn {
namespace {

class Finder {
 public:
  explicit Finder(const std::vector<Line>& lines) : makers_(lines) {}

  // The queries, turned, times the keys; their softmax; the values times that, turned. Products or
  // queries are scaled.
  std::optional<AttentionLines> find(const Line& last) const {
    AttentionLines found;
    const Line* const sums = last.kind == "Reshape" ? maker(&last, 0, "MatMul") : nullptr;
    const Line* const softmax = maker(sums, 1, "Softmax");
    if (softmax == nullptr || sums->integer(0, 0) != 1 || !is_along_rows(*softmax)) return {};
    found.parts = {sums, softmax};
    float& scale = found.attention.scale;
    const Line* const dots = skip_scales(maker(softmax, 0), scale, found);
    if (dots == nullptr || dots->kind != "MatMul" || dots->integer(0, 0) != 0) return {};
    const Line* const turned = skip_scales(maker(dots, 0), scale, found);
    if (turned == nullptr || turned->kind != "Permute" ||
        order_of(turned->integer(0, 0)) != std::array{0, 2, 1}) {
      return {};
    }
    const Line* const cut = skip_scales(maker(turned, 0), scale, found);
    const Line* const heads = cut_of(cut);
    if (heads == nullptr || maker(dots, 1) != cut || maker(sums, 0) != cut ||
        makers_.origin(dots->inputs[1]) != cut->outputs[1] ||
        makers_.origin(sums->inputs[0]) != cut->outputs[2]) {
      return {};
    }
    found.attention.heads = heads->integer(2, 0);
    found.attention.key_channels = cut->integers(0)[0];
    found.from = heads->inputs[0];
    found.parts.insert({dots, turned, cut, heads});
    return found;
  }

  std::optional<ValuesLine> find_values(const Line& line) const {
    const Line* const cut = line.kind == "Reshape" ? maker(&line, 0, "Slice") : nullptr;
    const Line* const heads = cut_of(cut);
    if (heads == nullptr || makers_.origin(line.inputs[0]) != cut->outputs[2]) return {};
    const std::vector<int> sizes = cut->integers(0);
    const ValuesLine values{heads->inputs[0], heads->integer(2, 0), 2 * sizes[0], sizes[2]};
    if (std::int64_t{values.heads} * values.count != line.integer(2, 0)) return {};
    return values;
  }

 private:
  // What makes an input of a line, behind copies, if that is of this kind; null of null.
  const Line* maker(const Line* line, std::size_t input, std::string_view kind = {}) const {
    if (line == nullptr || input >= line->inputs.size()) return nullptr;
    const Line* const found = makers_.of(makers_.origin(line->inputs[input]));
    return found != nullptr && (kind.empty() || found->kind == kind) ? found : nullptr;
  }

  static bool is_along_rows(const Line& softmax) {
    const int axis = softmax.integer(0, 0);
    return axis == 2 || axis == -1;
  }

  // The line before it, where it multiplies with a number.
  const Line* skip_scales(const Line* line, float& scale, AttentionLines& found) const {
    constexpr int kMultiply = 2;
    if (line == nullptr || line->kind != "BinaryOp" || line->inputs.size() != 1 ||
        line->integer(0, 0) != kMultiply) {
      return line;
    }
    scale *= line->number(2, 0);
    found.parts.insert(line);
    return maker(line, 0);
  }

  // The line that gives each head its channels, which this one cuts into queries, keys and values.
  const Line* cut_of(const Line* cut) const {
    if (cut == nullptr || cut->kind != "Slice" || cut->integer(1, 0) != 1 ||
        cut->outputs.size() != 3) {
      return nullptr;
    }
    const std::vector<int> sizes = cut->integers(0);
    constexpr int kMost = 1 << 16;  // channels
    const auto fits = [](int size) { return size > 0 && size <= kMost; };
    if (sizes.size() != 3 || sizes[0] != sizes[1] || !fits(sizes[0]) || !fits(sizes[2])) {
      return nullptr;
    }
    const Line* const heads = maker(cut, 0, "Reshape");
    return heads != nullptr && fits(heads->integer(2, 0)) ? heads : nullptr;
  }

  Makers makers_;
};

}  // namespace

Attentions find_attentions(const std::vector<Line>& lines) {
  Attentions all;
  const Finder finder(lines);
  std::set<std::string> sources;
  for (const Line& line : lines) {
    if (auto found = finder.find(line)) {
      sources.insert(found->from);
      all.by_last.emplace(&line, std::move(*found));
    }
  }
  for (const Line& line : lines) {
    auto values = finder.find_values(line);
    if (values && sources.contains(values->from)) all.values.emplace(&line, std::move(*values));
  }
  return all;
}

}  // namespace oko::formats::ncnn
