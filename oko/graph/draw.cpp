#include "oko/graph/draw.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "oko/base/json.h"
#include "oko/base/text.h"

namespace oko::graph {
namespace {

std::string shortest(float value) {
  const std::string text = Json(shortest_decimal(value)).dump();
  return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
}

std::string rounded(float value) { return shortest(std::round(value * 10) / 10); }

std::string window(int size, int stride) {
  const std::string n = std::to_string(size);
  return n + "x" + n + (stride > 1 ? "/" + std::to_string(stride) : "");
}

// "scale 2, activation relu": the settings of a kind without a text of its own below. Lists are
// skipped.
struct PlainSettings {
  std::string text;

  void operator()(const char* key, int value) { add(key, std::to_string(value)); }
  void operator()(const char* key, float value) { add(key, shortest(value)); }
  void operator()(const char* key, bool value) { add(key, value ? "yes" : "no"); }
  void operator()(const char* key, Activation value) { add(key, name_of(value)); }
  template <typename T>
  void operator()(const char* key, const T& value) {
    if constexpr (Worded<T>) add(key, std::string(word_of(value)));
  }
  template <typename T>
  void operator()(const char* key, const T& value, const T& usual) {
    if (value != usual) (*this)(key, value);
  }

 private:
  void add(const char* key, const std::string& value) {
    text += (text.empty() ? "" : ", ") + std::string(key) + " " + value;
  }
};

struct Settings {
  std::string operator()(const Convolution& c) const {
    std::string text = std::to_string(c.filters) + " filters " + window(c.size, c.stride);
    if (c.groups > 1) text += ", " + std::to_string(c.groups) + " groups";
    if (c.dilation > 1) text += ", dilation " + std::to_string(c.dilation);
    if (c.batch_norm) text += ", batch norm";
    return text + ", " + name_of(c.activation);
  }
  std::string operator()(const MaxPool& pool) const { return window(pool.size, pool.stride); }
  std::string operator()(const Upsample& upsample) const {
    return "x" + std::to_string(upsample.scale);
  }
  std::string operator()(const Route& route) const {
    if (route.groups == 1) return "";
    return "part " + std::to_string(route.group + 1) + " of " + std::to_string(route.groups);
  }
  std::string operator()(const Shortcut& shortcut) const {
    return shortcut.activation == Activation::kLinear ? "" : name_of(shortcut.activation);
  }
  std::string operator()(const AveragePool& pool) const {
    return pool.is_global() ? "" : window(pool.size, pool.stride);
  }
  std::string operator()(const Dropout& dropout) const { return shortest(dropout.probability); }
  std::string operator()(const Yolo& yolo) const {
    std::string text = std::to_string(yolo.classes) + " classes, ";
    if (yolo.mask.size() > 4) return text + std::to_string(yolo.mask.size()) + " anchors";
    text += "anchors";
    for (const int index : yolo.mask) {
      const Anchor& anchor = yolo.anchors[index];
      text += " " + rounded(anchor.width) + "x" + rounded(anchor.height);
    }
    return text;
  }
  std::string operator()(const Region& region) const {
    return std::to_string(region.classes) + " classes, " + std::to_string(region.anchors.size()) +
           " anchors";
  }
  template <typename T>
  std::string operator()(const T& operation) const {
    PlainSettings plain;
    T::visit_fields(operation, plain);
    return plain.text;
  }
};

// Text for XML: markup escaped; controls, which XML forbids, and other invisible characters
// replaced.
std::string xml(std::string_view text) {
  std::string out;
  for (const char c : visible(text, "?")) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// A quoted Graphviz string.
std::string graphviz_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : visible(text, "?")) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

const char* colour_of(const Operation& operation) {
  if (std::holds_alternative<Convolution>(operation)) return "#dbe9f6";
  if (std::holds_alternative<MaxPool>(operation)) return "#fde7cf";
  if (std::holds_alternative<AveragePool>(operation)) return "#fde7cf";
  if (std::holds_alternative<Upsample>(operation)) return "#e4dcf1";
  if (std::holds_alternative<Bilinear>(operation)) return "#e4dcf1";
  if (is_head(operation)) return "#f8d3d3";
  return "#e6f2df";
}

// Rows: the network's input, then one per layer. Sizes are in SVG pixels.
constexpr int kLeft = 24, kTop = 56, kBoxWidth = 600, kBoxHeight = 24, kRowHeight = 36;
constexpr int kLaneWidth = 14;

int row_middle(int layer) { return kTop + (layer + 1) * kRowHeight + kBoxHeight / 2; }

// A connection that skips at least one layer, drawn in its own lane on the right.
struct Curve {
  int from = 0, to = 0, lane = 0;
};

// Beyond this many lanes curves are unreadable: further ones share the outermost lane.
constexpr int kMostLanes = 48;

// The connections in one lane, from → to, which do not overlap.
class Lane {
 public:
  bool take(const Curve& curve) {
    const auto after = ways_.lower_bound(curve.from);
    if (after != ways_.end() && after->first < curve.to) return false;
    if (after != ways_.begin() && std::prev(after)->second > curve.from) return false;
    ways_.emplace(curve.from, curve.to);
    return true;
  }

 private:
  std::map<int, int> ways_;
};

// Short ones first, each in the innermost free lane. A layer that reads one tensor several times
// has one curve from it.
std::vector<Curve> curves_of(const Network& network) {
  std::vector<Curve> curves;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const auto& inputs = network.layers[i].inputs;
    const int to = static_cast<int>(i);
    for (const int from : std::set<int>(inputs.begin(), inputs.end())) {
      if (from != to - 1) curves.push_back({from, to, 0});
    }
  }
  std::stable_sort(curves.begin(), curves.end(),
                   [](const Curve& a, const Curve& b) { return a.to - a.from < b.to - b.from; });
  std::vector<Lane> lanes(kMostLanes);
  for (Curve& curve : curves) {
    const auto free = [&](Lane& lane) { return lane.take(curve); };
    const auto found = std::find_if(lanes.begin(), lanes.end(), free);
    curve.lane = std::min(static_cast<int>(found - lanes.begin()), kMostLanes - 1);
  }
  return curves;
}

std::string text_at(int x, int y, const char* classes, std::string_view text) {
  return "<text x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) + "\" class=\"" +
         classes + "\">" + xml(text) + "</text>\n";
}

std::string box(int layer, const char* colour, std::string_view number, std::string_view kind,
                std::string_view settings, const Shape& shape) {
  const int top = row_middle(layer) - kBoxHeight / 2, base = row_middle(layer) + 4;
  return "<rect x=\"" + std::to_string(kLeft) + "\" y=\"" + std::to_string(top) + "\" width=\"" +
         std::to_string(kBoxWidth) + "\" height=\"" + std::to_string(kBoxHeight) +
         "\" rx=\"5\" fill=\"" + colour + "\"/>\n" + text_at(kLeft + 34, base, "n", number) +
         text_at(kLeft + 44, base, "k", kind) + text_at(kLeft + 140, base, "s", settings) +
         text_at(kLeft + kBoxWidth - 8, base, "o", to_string(shape));
}

std::string arrow_down(int to) {
  const std::string x = std::to_string(kLeft + kBoxWidth / 2);
  return "<path d=\"M" + x + " " + std::to_string(row_middle(to - 1) + kBoxHeight / 2) + "V" +
         std::to_string(row_middle(to) - kBoxHeight / 2 - 1) + "\" marker-end=\"url(#a)\"/>\n";
}

std::string path_of(const Curve& curve) {
  const int x = kLeft + kBoxWidth, out = x + (curve.lane + 2) * kLaneWidth;
  const int from = row_middle(curve.from) + 4, to = row_middle(curve.to) - 4;
  const int bend = std::min(kRowHeight / 2, (to - from) / 2);
  const auto point = [](int a, int b) { return std::to_string(a) + " " + std::to_string(b); };
  return "<path d=\"M" + point(x, from) + "Q" + point(out, from) + " " + point(out, from + bend) +
         "V" + std::to_string(to - bend) + "Q" + point(out, to) + " " + point(x + 2, to) +
         "\" marker-end=\"url(#a)\"/>\n";
}

constexpr const char* kStyle =
    "<style>text{font:12px sans-serif;fill:#222}.t{font-size:16px;font-weight:bold}"
    ".n,.o{text-anchor:end}.n{fill:#777}.k{font-weight:bold}.s{fill:#444}"
    "path{fill:none;stroke:#8a8f98;stroke-width:1.2}rect{stroke:#9aa3ad;stroke-width:.6}</style>\n"
    "<defs><marker id=\"a\" markerWidth=\"7\" markerHeight=\"7\" refX=\"6\" refY=\"3.5\" "
    "orient=\"auto\"><path d=\"M0 0L7 3.5L0 7Z\" style=\"fill:#8a8f98;stroke:none\"/></marker>"
    "</defs>\n";

}  // namespace

std::string settings_of(const Operation& operation) { return std::visit(Settings{}, operation); }

std::string to_dot(const Network& network) {
  std::string out = "digraph " + graphviz_text(network.name) +
                    " {\n  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n";
  out += "  input [label=" + graphviz_text("input " + to_string(network.input)) + "];\n";
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Layer& layer = network.layers[i];
    const std::string node = "layer" + std::to_string(i), settings = settings_of(layer.operation);
    std::string label = layer.name + ": " + name_of(layer.operation);
    if (!settings.empty()) label += ", " + settings;
    out += "  " + node + " [label=" + graphviz_text(label + ": " + to_string(layer.output)) +
           ", fillcolor=\"" + colour_of(layer.operation) + "\"];\n";
    for (const int from : layer.inputs) {
      out += "  " + (from == kNetworkInput ? "input" : "layer" + std::to_string(from)) + " -> " +
             node + ";\n";
    }
  }
  return out + "}\n";
}

std::string to_svg(const Network& network) {
  const std::vector<Curve> curves = curves_of(network);
  int lanes = 0;
  for (const Curve& curve : curves) lanes = std::max(lanes, curve.lane + 1);
  const int width = 2 * kLeft + kBoxWidth + (lanes + 2) * kLaneWidth;
  const int height = row_middle(static_cast<int>(network.layers.size()));
  const std::string size = std::to_string(width) + "\" height=\"" + std::to_string(height);
  std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + size +
                    "\" viewBox=\"0 0 " + std::to_string(width) + " " + std::to_string(height) +
                    "\">\n" + kStyle +
                    "<rect width=\"100%\" height=\"100%\" style=\"fill:#fff;stroke:none\"/>\n";
  out += text_at(kLeft, 34, "t", network.name.empty() ? "network" : network.name);
  out += box(-1, "#f2f2f2", "", "input", "", network.input);
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Layer& layer = network.layers[i];
    const int index = static_cast<int>(i);
    out += box(index, colour_of(layer.operation), std::to_string(i), name_of(layer.operation),
               settings_of(layer.operation), layer.output);
    if (std::count(layer.inputs.begin(), layer.inputs.end(), index - 1) > 0)
      out += arrow_down(index);
  }
  for (const Curve& curve : curves) out += path_of(curve);
  return out + "</svg>\n";
}

}  // namespace oko::graph
