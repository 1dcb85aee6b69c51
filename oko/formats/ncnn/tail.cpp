#include "oko/formats/ncnn/tail.h"

#include <algorithm>
#include <map>
#include <set>

namespace oko::formats::ncnn {
namespace {

// Kinds that may be in a tail.
bool may_follow(const Line& line) {
  static const std::set<std::string_view> kinds{
      "BinaryOp", "Clip",    "Concat",     "Crop",  "DetectionOutput", "Dropout",
      "Eltwise",  "Flatten", "ExpandDims", "Noop",  "Permute",         "Reshape",
      "Sigmoid",  "Slice",   "Softmax",    "Split", "Squeeze",         "UnaryOp"};
  return kinds.contains(line.kind);
}

// Of those, lines that no layer of a network is.
bool is_no_layer(const Line& line) {
  static const std::set<std::string_view> kinds{
      "DetectionOutput", "ExpandDims", "Flatten", "Permute", "Reshape", "Squeeze", "UnaryOp"};
  if (kinds.contains(line.kind)) return true;
  if (line.kind == "BinaryOp") {
    constexpr int kAdd = 0, kMultiply = 2;
    const int operation = line.integer(0, kAdd);
    return operation != kAdd && operation != kMultiply;
  }
  const bool slices = line.kind == "Slice";
  if (!slices && line.kind != "Concat" && line.kind != "Softmax") return false;
  const int axis = line.integer(slices ? 1 : 0, 0);
  return axis != 0 && axis != -3;
}

// Whether a convolution weights the results of a softmax, as decoders of boxes do.
bool is_weighted_sum(const Line& line, const Makers& makers) {
  if (line.kind != "Convolution" || line.inputs.size() != 1 || line.integer(0, 0) != 1 ||
      line.integer(1, 0) != 1 || line.integer(5, 0) != 0 || line.integer(9, 0) != 0) {
    return false;
  }
  const Line* const maker = makers.of(line.inputs[0]);
  return maker != nullptr && maker->kind == "Softmax";
}

class Finder {
 public:
  explicit Finder(const std::vector<Line>& lines) : lines_(lines), makers_(lines) {
    for (const Line& line : lines) {
      for (const std::string& blob : line.inputs) readers_[blob].push_back(&line);
    }
  }

  Tail find() {
    find_ends();
    for (const Line& line : lines_) {
      if (ends_.contains(&line) && is_after(line)) after_.insert(&line);
    }
    add_only_read_by_tail();
    return gather();
  }

 private:
  // Lines from which no way leads to a line that is certainly a layer.
  void find_ends() {
    for (std::size_t i = lines_.size(); i-- > 0;) {
      const Line& line = lines_[i];
      if (!may_follow(line) && !is_weighted_sum(line, makers_)) continue;
      const auto ends = [&](const Line* reader) { return ends_.contains(reader); };
      const bool all = std::ranges::all_of(line.outputs, [&](const std::string& blob) {
        const auto found = readers_.find(blob);
        return found == readers_.end() || std::ranges::all_of(found->second, ends);
      });
      if (all) ends_.insert(&line);
    }
  }

  // It is no layer, or reads what is none. What reads the image itself stays, to be refused.
  bool is_after(const Line& line) const {
    bool no_layer = is_no_layer(line);
    for (const std::string& blob : line.inputs) {
      const Line* const maker = makers_.of(makers_.origin(blob));
      if (maker == nullptr) return false;
      if (maker->kind == "Input") no_layer = false;
      if (is_constant(*maker) || after_.contains(maker)) return true;
    }
    return no_layer;
  }

  // Sigmoids, cuts and the like are layers only where something else reads them.
  void add_only_read_by_tail() {
    for (std::size_t i = lines_.size(); i-- > 0;) {
      const Line& line = lines_[i];
      if (!ends_.contains(&line) || line.kind == "Concat") continue;
      const bool all = std::ranges::all_of(line.outputs, [&](const std::string& blob) {
        const auto found = readers_.find(blob);
        return found != readers_.end() &&
               std::ranges::all_of(found->second,
                                   [&](const Line* reader) { return after_.contains(reader); });
      });
      if (all) after_.insert(&line);
    }
  }

  Tail gather() const {
    Tail tail;
    std::set<std::string> listed;
    for (const Line& line : lines_) {
      if (!after_.contains(&line)) continue;
      tail.lines.insert(&line);
      for (const std::string& blob : line.outputs) {
        if (!readers_.contains(blob)) tail.unread.push_back(blob);
      }
      for (const std::string& blob : line.inputs) {
        const Line* const maker = makers_.of(blob);
        const bool own = maker != nullptr && (is_constant(*maker) || after_.contains(maker));
        if (!own && listed.insert(blob).second) tail.inputs.push_back(blob);
      }
    }
    return tail;
  }

  const std::vector<Line>& lines_;
  Makers makers_;
  std::map<std::string, std::vector<const Line*>> readers_;
  std::set<const Line*> ends_, after_;
};

}  // namespace

Tail find_tail(const std::vector<Line>& lines) { return Finder(lines).find(); }

}  // namespace oko::formats::ncnn
