#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "oko/base/error.h"
#include "oko/formats/tensorflow.h"
#include "oko/formats/tensorflow/nodes.h"

namespace oko::formats {
namespace {

constexpr int kMaxNodes = 1 << 17;

tensorflow::GraphDef parse(const Bytes& file, const std::string& name) {
  // A SavedModel starts with its version as field 1, an integer.
  if (file.text().starts_with("\x08\x01\x12")) {
    throw input_error(name, "is a SavedModel, which keeps its weights in other files",
                      "freeze it first: convert_variables_to_constants_v2, then write the "
                      "GraphDef as .pb");
  }
  tensorflow::GraphDef graph;
  const bool fits = file.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max());
  if (!fits || !graph.ParseFromArray(file.data(), static_cast<int>(file.size())) ||
      graph.node_size() == 0) {
    throw input_error(name, "is not a TensorFlow graph (GraphDef)",
                      "use a frozen graph in binary form; it may be truncated");
  }
  if (graph.node_size() > kMaxNodes) {
    throw input_error(name, "has " + std::to_string(graph.node_size()) + " nodes, more than " +
                                std::to_string(kMaxNodes));
  }
  return graph;
}

class Reader {
 public:
  Reader(const tensorflow::GraphDef& definition, const std::string& file,
         std::optional<image::Size> size)
      : graph_(definition, file),
        size_(size),
        constants_(graph_, [this](const std::string& map) { return shape_of(map); }),
        builder_(file) {
    for (const TfNode& node : definition.node()) note_format(node);
  }

  Imported run() {
    for (const TfNode* end : graph_.ends()) visit(end);
    weigh_consumers();
    for (const TfNode* node : order_) {
      if (node->op() == "Shape") continue;  // needs no values of the tensor
      for (const std::string& map : reads(*node)) builder_.use(map);
    }
    TfMaker maker(graph_, constants_, builder_, channels_first_);
    for (const TfNode* node : order_) step(*node, maker);
    Imported imported = builder_.finish("", outputs());
    imported.notes = notes_;
    imported.dropped = dropped_;
    return imported;
  }

 private:
  // What is known about a node once its readers have been visited.
  struct Use {
    bool has_weights_behind = false;
    bool decodes = false;  // it or a later one is not supported by oko
    std::vector<const TfNode*> readers;
  };

  // Exporters may omit defaults: operations without their format attribute are NHWC.
  void note_format(const TfNode& node) {
    static const std::set<std::string_view> kHaveFormat{
        "Conv2D",           "DepthwiseConv2dNative", "BiasAdd", "FusedBatchNorm",
        "FusedBatchNormV2", "FusedBatchNormV3",      "MaxPool"};
    const std::string format =
        text(node, "data_format", kHaveFormat.contains(node.op()) ? "NHWC" : "");
    if (format != "NHWC" && format != "NCHW") return;
    if (format_of_ != nullptr && channels_first_ != (format == "NCHW")) {
      throw input_error(graph_.place(node),
                        "uses a different data_format than " + format_of_->name(),
                        "export the graph with a single data_format");
    }
    format_of_ = &node;
    channels_first_ = format == "NCHW";
  }

  // The tensors a node needs, with spelled-out activations as one node.
  std::vector<std::string> reads(const TfNode& node) {
    if (const auto spelled = spelled_activation(graph_, constants_, node)) return {spelled->from};
    return TfGraph::inputs(node);
  }

  // Adds a node after everything it needs; without recursion, since graphs are deep.
  void visit(const TfNode* end) {
    struct Frame {
      const TfNode* node;
      std::vector<std::string> reads;
      std::size_t next = 0;
    };
    enum : std::uint8_t { kOpen = 1, kDone = 2 };
    std::vector<Frame> stack;
    const auto enter = [&](const TfNode* node) {
      if (state_[node] == kDone) return;
      if (state_[node] == kOpen) {
        throw input_error(graph_.place(*node), "depends on its own output",
                          "loops cannot run on a phone: export the graph without them");
      }
      state_[node] = kOpen;
      stack.push_back({node, reads(*node)});
    };
    enter(end);
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next == top.reads.size()) {
        state_[top.node] = kDone;
        order_.push_back(top.node);
        stack.pop_back();
        continue;
      }
      const std::string map = top.reads[top.next++];
      const TfNode* maker = graph_.maker(map);
      if (maker == nullptr) {
        throw input_error(graph_.place(*top.node), "reads \"" + map + "\", which does not exist",
                          "the file is damaged or cut short: export the graph again");
      }
      uses_[maker].readers.push_back(top.node);
      enter(maker);
    }
  }

  void weigh_consumers() {
    for (auto node = order_.rbegin(); node != order_.rend(); ++node) {
      Use& use = uses_[*node];
      use.decodes = !is_known((*node)->op()) && constants_.find((*node)->name()) == nullptr;
      for (const TfNode* reader : use.readers) {
        const Use& behind = uses_[reader];
        use.decodes |= behind.decodes && !behind.has_weights_behind;
        use.has_weights_behind |= behind.has_weights_behind || has_weights(reader->op());
      }
    }
  }

  std::optional<std::vector<std::int64_t>> shape_of(const std::string& map) const {
    if (!builder_.has(map)) return std::nullopt;
    const graph::Shape& s = builder_.shape({map, "Shape"}, map);
    return channels_first_ ? std::vector<std::int64_t>{1, s.channels, s.height, s.width}
                           : std::vector<std::int64_t>{1, s.height, s.width, s.channels};
  }

  void step(const TfNode& node, TfMaker& maker) {
    if (constants_.find(node.name()) != nullptr) return;
    if (node.op() == "Placeholder") return placeholder(node);
    const std::vector<std::string> maps = reads(node);
    bool reads_map = false;
    for (const std::string& map : maps) {
      reads_map |= builder_.has(map);
      const auto cut = cut_.find(graph_.maker(map));
      if (cut != cut_.end()) return leave_out(node, maps, cut->second);
    }
    // Constants of other types, such as strings, are rejected only when a node needs them.
    if (!reads_map && !has_weights(node.op())) return;
    const std::string why = is_tail(node, maps) ? "is part of the box decoding"
                            : maker.make(node)  ? ""
                                                : maker.refusal();
    if (!why.empty()) leave_out(node, maps, node.name() + " (" + node.op() + ") " + why);
  }

  // An activation or the like between a raw tensor and the box decoding: the raw tensor becomes the
  // output.
  bool is_tail(const TfNode& node, const std::vector<std::string>& maps) {
    static const std::set<std::string_view> kPlain{"Identity", "BiasAdd", "FusedBatchNorm",
                                                   "FusedBatchNormV2", "FusedBatchNormV3"};
    const auto ends_raw = [&](const TfNode* reader) {
      const Use& use = uses_[reader];
      return use.decodes && !use.has_weights_behind && !has_weights(reader->op());
    };
    if (has_weights(node.op()) || kPlain.contains(node.op())) return false;
    const Use& use = uses_[&node];
    if (use.has_weights_behind || maps.empty()) return false;
    if (node.op() == "Add" || node.op() == "AddV2") {
      // A bias directly after its convolution.
      const TfNode* before = graph_.maker(maps[0]);
      if (before != nullptr && has_weights(before->op())) return false;
    }
    const auto& siblings = uses_[graph_.maker(maps[0])].readers;
    return use.decodes || std::ranges::any_of(siblings, ends_raw);
  }

  void leave_out(const TfNode& node, const std::vector<std::string>& maps, const std::string& why) {
    if (has_weights(node.op())) {
      throw input_error(
          graph_.file() + ": " + why,
          "comes before " + node.name() + " (" + node.op() + "), so it cannot be dropped",
          "cut the graph before it, or build it from operations that oko supports");
    }
    cut_[&node] = why;
    dropped_.push_back({graph_.place(node), node.op()});
    for (const std::string& map : maps) {
      if (builder_.has(map) && map != input_) add_output(map, why);
    }
  }

  void add_output(const std::string& map, const std::string& why) {
    if (std::ranges::find(outputs_, map) != outputs_.end()) return;
    outputs_.push_back(map);
    builder_.use(map);
    notes_.push_back("dropped from " + why + " on; the raw tensor \"" + map + "\" is an output");
  }

  void placeholder(const TfNode& node) {
    const auto* attr = attribute(node, "shape");
    std::vector<std::int64_t> sides(4, -1);
    if (attr != nullptr && !attr->shape().unknown_rank()) {
      sides.clear();
      for (const auto& dim : attr->shape().dim()) sides.push_back(dim.size());
    }
    if (sides.size() != 4) {
      throw input_error(
          graph_.place(node),
          "an input of " + std::to_string(sides.size()) + " dimensions is not an image",
          "oko's networks read rows, columns and channels");
    }
    const std::size_t rows = channels_first_ ? 2 : 1, channels = channels_first_ ? 1 : 3;
    input_ = node.name();
    const int depth = sides[channels] == -1 ? first_depth(node) : side(node, sides[channels], 0);
    builder_.input(input_, {depth, side(node, sides[rows], size_ ? size_->height : 0),
                            side(node, sides[rows + 1], size_ ? size_->width : 0)});
  }

  int side(const TfNode& node, std::int64_t side, int told) const {
    if (told > 0) return told;
    if (side == -1) {
      throw input_error(graph_.place(node), "the file does not fix the input size",
                        "set it, for example with --size 416x416");
    }
    if (side < 1 || side > 65536) {
      throw input_error(graph_.place(node),
                        "the input's side " + std::to_string(side) + " is not in 1…65536");
    }
    return static_cast<int>(side);
  }

  // How many channels the first convolution on the input reads.
  int first_depth(const TfNode& input) {
    for (const TfNode* reader : uses_[&input].readers) {
      const std::vector<std::string> maps = TfGraph::inputs(*reader);
      const graph::Tensor* kernel =
          has_weights(reader->op()) && maps.size() > 1 ? constants_.find(maps[1]) : nullptr;
      if (kernel != nullptr && kernel->shape.size() == 4 && kernel->shape[2] > 0 &&
          kernel->shape[2] <= 65536) {
        return static_cast<int>(kernel->shape[2]);
      }
    }
    throw input_error(graph_.place(input), "the number of channels is not fixed",
                      "export the graph with the input's shape");
  }

  // Tensors that nothing reads, and those after which something was dropped.
  std::vector<std::string> outputs() {
    for (const TfNode* end : graph_.ends()) {
      const std::string& map = end->name();
      if (builder_.has(map) && map != input_ &&
          std::ranges::find(outputs_, map) == outputs_.end()) {
        outputs_.push_back(map);
      }
    }
    return outputs_;
  }

  TfGraph graph_;
  std::optional<image::Size> size_;
  TfConstants constants_;
  NetworkBuilder builder_;
  bool channels_first_ = false;
  const TfNode* format_of_ = nullptr;
  std::map<const TfNode*, std::uint8_t> state_;
  std::map<const TfNode*, Use> uses_;
  std::vector<const TfNode*> order_;
  std::map<const TfNode*, std::string> cut_;  // dropped nodes, and from where on
  std::vector<DroppedNode> dropped_;          // the same in their order
  std::string input_;
  std::vector<std::string> outputs_, notes_;
};

}  // namespace

Imported read_tensorflow(const Bytes& file, const std::string& name,
                         std::optional<image::Size> size) {
  const tensorflow::GraphDef graph = parse(file, name);
  return Reader(graph, name, size).run();
}

}  // namespace oko::formats
