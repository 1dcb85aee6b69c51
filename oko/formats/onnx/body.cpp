#include "oko/formats/onnx/body.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "oko/base/error.h"

namespace oko::formats {
namespace {

using Names = std::set<std::string, std::less<>>;

class BodyFinder {
 public:
  BodyFinder(std::vector<OnnxNode> nodes, const std::vector<std::string>& graph_outputs,
             Constants& constants, NodeReader& reader)
      : nodes_(std::move(nodes)),
        graph_outputs_(graph_outputs),
        constants_(constants),
        reader_(reader) {}

  OnnxBody run() {
    for (const OnnxNode& node : nodes_) {
      wanted_.insert(node.inputs.begin(), node.inputs.end());
    }
    wanted_.insert(graph_outputs_.begin(), graph_outputs_.end());
    for (std::size_t i = 0; i < nodes_.size(); ++i) kinds_.push_back(kind_of(i));
    choose();
    return gather();
  }

 private:
  enum class Kind {
    kConstant,
    kBody,    // only in a network
    kEither,  // a layer if the network continues after it, else post-processing
    kAfter,   // never a layer
  };

  Kind kind_of(std::size_t index) {
    const OnnxNode& node = nodes_[index];
    if (is_constant(node)) return Kind::kConstant;
    for (const std::string& input : node.inputs) {
      const auto culprit = culprits_.find(input);
      if (culprit == culprits_.end()) continue;
      if (is_network_operation(node.id.kind) && !is_weighted_sum(node)) {
        throw read_by(*culprit->second, node);
      }
      return after(node, culprit->second);
    }
    try {
      reader_.read(node, wanted_);
    } catch (const Error& error) {
      if (is_network_operation(node.id.kind) && !is_weighted_sum(node)) throw;
      return after(node, std::make_shared<Error>(error));
    }
    for (const std::string& output : node.outputs) makers_[output] = index;
    return is_of_body(node) ? Kind::kBody : Kind::kEither;
  }

  bool is_constant(const OnnxNode& node) {
    if (node.id.kind == "Shape" && node.has_input(0) && reader_.is_map(node.inputs[0])) {
      constants_.set_shape(node.outputs[0], reader_.file_shape(node, node.inputs[0]));
      return true;
    }
    const auto known = [&](const std::string& name) {
      return name.empty() || constants_.has(name);
    };
    return std::ranges::all_of(node.inputs, known) && constants_.fold(node);
  }

  // A convolution to one channel, as decoders have it: the expectation of a distribution.
  bool is_weighted_sum(const OnnxNode& node) const {
    if (node.id.kind != "Conv" || !node.has_input(1) || !constants_.has(node.inputs[1])) {
      return false;
    }
    const std::vector<std::int64_t>& kernel = constants_.get(node.inputs[1]).shape;
    return kernel.size() == 4 && kernel[0] == 1 && kernel[2] == 1 && kernel[3] == 1;
  }

  Kind after(const OnnxNode& node, std::shared_ptr<const Error> culprit) {
    for (const std::string& output : node.outputs) culprits_[output] = culprit;
    return Kind::kAfter;
  }

  static Error read_by(const Error& culprit, const OnnxNode& reader) {
    return input_error(
        culprit.place(),
        culprit.message() + "; " + reader.id.name + " (" + reader.id.kind + ") depends on it",
        culprit.hint());
  }

  const OnnxNode* maker(const std::string& map) const {
    const auto found = makers_.find(map);
    return found == makers_.end() ? nullptr : &nodes_[found->second];
  }

  // Sums and scales belong to the layer whose output they read, unless that is post-processing.
  bool is_of_body(const OnnxNode& node) const {
    const std::string& kind = node.id.kind;
    if (is_network_operation(kind) || kind == "Concat") return true;
    const bool arithmetic =
        kind == "Add" || kind == "Sum" || kind == "Sub" || kind == "Mul" || kind == "Div";
    if (!arithmetic && kind != "MatMul") return false;
    return std::ranges::all_of(node.inputs, [&](const std::string& input) {
      const OnnxNode* from = maker(input);
      return from == nullptr || kinds_[makers_.find(input)->second] == Kind::kBody ||
             kind == "MatMul";
    });
  }

  // Backwards: which candidate nodes are layers.
  void choose() {
    kept_.assign(nodes_.size(), false);
    Names read_by_kept, read_by_others;
    const Names outputs(graph_outputs_.begin(), graph_outputs_.end());
    for (std::size_t i = nodes_.size(); i-- > 0;) {
      const OnnxNode& node = nodes_[i];
      if (kinds_[i] == Kind::kConstant) continue;
      bool keep = false;
      for (const std::string& to : node.outputs) {
        const bool leaves = outputs.contains(to) && !reader_.is_only_a_view(to);
        keep |= read_by_kept.contains(to) || leaves ||
                (kinds_[i] == Kind::kBody && (read_by_others.contains(to) || outputs.contains(to)));
      }
      kept_[i] = keep && kinds_[i] != Kind::kAfter;
      (kept_[i] ? read_by_kept : read_by_others).insert(node.inputs.begin(), node.inputs.end());
    }
  }

  OnnxBody gather() {
    OnnxBody body;
    Names kept_maps, listed;
    const auto list = [&](const std::string& map) {
      if (kept_maps.contains(map) && listed.insert(map).second) body.outputs.push_back(map);
    };
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (kept_[i]) kept_maps.insert(nodes_[i].outputs.begin(), nodes_[i].outputs.end());
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (kinds_[i] == Kind::kConstant || kept_[i]) continue;
      for (const std::string& input : nodes_[i].inputs) list(input);
    }
    for (const std::string& output : graph_outputs_) list(output);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (kinds_[i] == Kind::kConstant) continue;
      (kept_[i] ? body.nodes : body.dropped).push_back(std::move(nodes_[i]));
    }
    return body;
  }

  std::vector<OnnxNode> nodes_;
  const std::vector<std::string>& graph_outputs_;
  Constants& constants_;
  NodeReader& reader_;
  Names wanted_;
  std::vector<Kind> kinds_;
  std::vector<bool> kept_;
  std::map<std::string, std::size_t, std::less<>> makers_;  // of tensors
  // Why a value is not a network tensor: the Error about the first node on its path.
  std::map<std::string, std::shared_ptr<const Error>, std::less<>> culprits_;
};

}  // namespace

OnnxBody find_body(std::vector<OnnxNode> nodes, const std::vector<std::string>& graph_outputs,
                   Constants& constants, NodeReader& reader) {
  return BodyFinder(std::move(nodes), graph_outputs, constants, reader).run();
}

}  // namespace oko::formats
