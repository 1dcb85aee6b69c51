#include "oko/formats/ncnn/tail_values.h"

#include <algorithm>
#include <array>
#include <optional>

#include "oko/formats/evaluate.h"
#include "oko/formats/ncnn/detections.h"

namespace oko::formats::ncnn {
namespace {

using graph::Tensor;
using Sides = std::vector<std::int64_t>;
using Results = std::optional<std::vector<Tensor>>;

constexpr int kRest = -233;  // an equal part of what is left; also a setting that is not given

// The values of all blobs, from the outermost dimension on and without a batch: a map of ncnn's
// width, height and channels is [channels, rows, columns].
class Values {
 public:
  explicit Values(std::map<std::string, Tensor> known) : known_(std::move(known)) {}

  void set(const std::string& blob, Tensor tensor) { known_[blob] = std::move(tensor); }
  const Tensor* find(const std::string& blob) const {
    const auto found = known_.find(blob);
    return found == known_.end() ? nullptr : &found->second;
  }

  // The blobs that it sets: none if an input is unknown or oko cannot compute it.
  std::vector<std::string> run(const Line& line) {
    for (const std::string& blob : line.inputs) {
      if (!known_.contains(blob)) return {};
    }
    if (line.inputs.empty()) return {};
    Results results = compute(line);
    std::vector<std::string> blobs = line.outputs;
    // Boxes, and scores under a name that no blob has.
    if (line.kind == "DetectionOutput") blobs.push_back(line.outputs.front() + " scores");
    if (!results || results->size() != blobs.size()) return {};
    for (std::size_t i = 0; i < results->size(); ++i) known_[blobs[i]] = std::move((*results)[i]);
    return blobs;
  }

 private:
  const Tensor& in(const Line& line, std::size_t i = 0) const { return known_.at(line.inputs[i]); }

  static Results of(Operation operation) {
    constexpr std::size_t kMostBytes = std::size_t{1} << 28;
    return evaluate(operation, kMostBytes);
  }

  Results compute(const Line& line) const {
    if (is_copy(line)) {
      return std::vector<Tensor>(line.outputs.size(), in(line));
    }
    if (line.kind == "Reshape") return reshape(line);
    if (line.kind == "Permute") return permute(line);
    if (line.kind == "Slice") return slice(line);
    if (line.kind == "Crop") return crop(line);
    if (line.kind == "Concat") return concat(line);
    if (line.kind == "BinaryOp") return binary(line);
    if (line.kind == "Eltwise") return eltwise(line);
    if (line.kind == "UnaryOp") return unary(line);
    if (line.kind == "Convolution") return weighted_sum(line);
    if (line.kind == "DetectionOutput") {
      return line.inputs.size() == 3 ? unsuppressed(line, in(line), in(line, 1), in(line, 2))
                                     : Results();
    }
    if (line.kind == "Sigmoid") return of({.kind = "Sigmoid", .inputs = {&in(line)}});
    if (line.kind == "Flatten") return reshaped(in(line), {-1});
    if (line.kind == "Softmax") {
      return of(
          {.kind = "Softmax", .integers = {{"axis", {line.integer(0, 0)}}}, .inputs = {&in(line)}});
    }
    if (line.kind == "Clip") {
      return of({.kind = "Clip",
                 .numbers = {{"min", line.number(0, -1e30F)}, {"max", line.number(1, 1e30F)}},
                 .inputs = {&in(line)}});
    }
    return {};
  }

  static Results reshaped(const Tensor& from, Sides sides) {
    return of({.kind = "Reshape", .integers = {{"shape", std::move(sides)}}, .inputs = {&from}});
  }

  // Width, height, channels: 0 is that of the input, -1 what is left.
  Results reshape(const Line& line) const {
    constexpr int kDepth = 11;
    if (line.has(kDepth) || line.inputs.size() != 1) return {};
    Sides sides;
    for (const int key : {2, 1, 0}) {
      const int side = line.integer(key, kRest);
      if (side == kRest) continue;
      const Sides& own = in(line).shape;
      const auto place = own.size() - 1 - static_cast<std::size_t>(key);
      const std::int64_t same = place < own.size() ? own[place] : 1;
      sides.push_back(side == 0 ? same : side);
    }
    return reshaped(in(line), std::move(sides));
  }

  Results permute(const Line& line) const {
    const std::size_t rank = in(line).shape.size();
    const int number = line.integer(0, 0);
    Sides order;
    if (rank == 2 && number >= 0 && number < 2) {
      order = number == 0 ? Sides{0, 1} : Sides{1, 0};
    } else if (const auto found = order_of(number); rank == 3 && found) {
      order.assign(found->begin(), found->end());
    } else {
      return {};
    }
    return of({.kind = "Transpose", .integers = {{"perm", order}}, .inputs = {&in(line)}});
  }

  Results slice(const Line& line) const {
    const Sides& sides = in(line).shape;
    const auto rank = std::ssize(sides);
    const int axis = line.integer(1, 0);
    const std::vector<int> given = line.integers(0);
    if (axis < -rank || axis >= rank || !line.integers(2).empty()) return {};
    std::int64_t left = sides[static_cast<std::size_t>(axis < 0 ? axis + rank : axis)];
    Sides sizes;
    for (std::size_t i = 0; i < given.size(); ++i) {
      sizes.push_back(given[i] == kRest ? left / static_cast<std::int64_t>(given.size() - i)
                                        : given[i]);
      left -= sizes.back();
    }
    return of(
        {.kind = "Split", .integers = {{"axis", {axis}}, {"split", sizes}}, .inputs = {&in(line)}});
  }

  Results crop(const Line& line) const {
    const auto starts = line.integers(9), ends = line.integers(10), axes = line.integers(11);
    if (starts.empty()) return {};
    const auto wide = [](const std::vector<int>& from) { return Sides(from.begin(), from.end()); };
    Operation cut{.kind = "Slice",
                  .integers = {{"starts", wide(starts)}, {"ends", wide(ends)}},
                  .inputs = {&in(line)}};
    if (!axes.empty()) cut.integers["axes"] = wide(axes);
    return of(std::move(cut));
  }

  Results concat(const Line& line) const {
    Operation joined{.kind = "Concat", .integers = {{"axis", {line.integer(0, 0)}}}};
    for (std::size_t i = 0; i < line.inputs.size(); ++i) joined.inputs.push_back(&in(line, i));
    return of(std::move(joined));
  }

  // A blob of fewer dimensions goes with the outermost ones of the other, if it has their sides;
  // else with the innermost, as everywhere.
  static Tensor aligned(const Tensor& from, const Tensor& other) {
    const std::size_t rank = from.shape.size();
    Tensor result = from;
    if (rank >= other.shape.size() || from.count() == 1) return result;
    if (std::equal(from.shape.begin(), from.shape.end(), other.shape.begin())) {
      result.shape.resize(other.shape.size(), 1);
    }
    return result;
  }

  static Results combined(const std::string& kind, const Tensor& a, const Tensor& b) {
    const Tensor left = aligned(a, b), right = aligned(b, a);
    return of({.kind = kind, .inputs = {&left, &right}});
  }

  Results binary(const Line& line) const {
    static constexpr std::array<const char*, 10> kKinds{"Add", "Sub", "Mul", "Div", "Max",
                                                        "Min", "Pow", "Sub", "Div", "Pow"};
    constexpr int kFirstReversed = 7;
    const int operation = line.integer(0, 0);
    if (operation < 0 || operation >= std::ssize(kKinds)) return {};
    std::optional<Tensor> number;
    if (line.inputs.size() == 1) number = Tensor::of({line.number(2, 0)}, {1});
    if (line.inputs.size() > 2) return {};
    const Tensor& second = number ? *number : in(line, 1);
    const bool reversed = operation >= kFirstReversed;
    return reversed ? combined(kKinds[operation], second, in(line))
                    : combined(kKinds[operation], in(line), second);
  }

  Results eltwise(const Line& line) const {
    const int operation = line.integer(0, 0);
    if (line.inputs.size() != 2 || !line.numbers(1).empty() || operation < 0 || operation > 2) {
      return {};
    }
    static constexpr std::array<const char*, 3> kKinds{"Mul", "Add", "Max"};
    return combined(kKinds[operation], in(line), in(line, 1));
  }

  Results unary(const Line& line) const {
    static const std::map<int, const char*> kinds{{0, "Abs"},  {1, "Neg"},  {2, "Floor"},
                                                  {3, "Ceil"}, {5, "Sqrt"}, {7, "Exp"},
                                                  {8, "Log"},  {16, "Tanh"}};
    const int operation = line.integer(0, 0);
    constexpr int kSquare = 4;
    if (operation == kSquare) return combined("Mul", in(line), in(line));
    const auto kind = kinds.find(operation);
    if (kind == kinds.end()) return {};
    return of({.kind = kind->second, .inputs = {&in(line)}});
  }

  Results weighted_sum(const Line& line) const {
    const Tensor* const kernel = find(line.name);
    const Sides sides = in(line).shape;
    if (kernel == nullptr || sides.size() != 3) return {};
    const Results batch = reshaped(in(line), {1, sides[0], sides[1], sides[2]});
    if (!batch) return {};
    const Results sums = of({.kind = "Conv", .inputs = {&batch->front(), kernel}});
    return sums ? reshaped(sums->front(), {1, sides[1], sides[2]}) : Results();
  }

  std::map<std::string, Tensor> known_;
};

Tensor with_batch(Tensor tensor) {
  tensor.shape.insert(tensor.shape.begin(), 1);
  return tensor;
}

}  // namespace

TailValues::TailValues(const Tail& tail, std::map<std::string, Tensor> constants)
    : inputs_(tail.inputs), unread_(tail.unread), constants_(std::move(constants)) {
  for (const Line* line : tail.lines) lines_.push_back(*line);
}

std::vector<Tensor> TailValues::operator()(std::vector<Tensor> inputs) const {
  Values values(constants_);
  for (std::size_t i = 0; i < inputs_.size(); ++i) values.set(inputs_[i], std::move(inputs[i]));
  std::vector<Tensor> results, others;
  for (const Line& line : lines_) {
    for (const std::string& blob : values.run(line)) {
      others.push_back(with_batch(*values.find(blob)));
    }
  }
  for (const std::string& blob : unread_) {
    if (const Tensor* found = values.find(blob)) results.push_back(with_batch(*found));
  }
  results.insert(results.end(), others.rbegin(), others.rend());
  return results;
}

}  // namespace oko::formats::ncnn
