#include "oko/graph/network_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "oko/base/error.h"

namespace oko::graph {
namespace {

using image::Preprocess;

float float_of(const Json& object, const char* key, const std::string& name) {
  const double value = json_get<double>(object, key, name);
  if (!(std::abs(value) <= std::numeric_limits<float>::max())) {
    throw input_error(name, std::string("\"") + key + "\" does not fit a 32-bit number");
  }
  return static_cast<float>(value);
}

// The elements of an array, each as an object {"value": element}, so that json_get can check it.
template <typename T, typename Get>
std::vector<T> list_of(const Json& object, const char* key, const std::string& name, Get get) {
  const Json list = json_get<Json>(object, key, name);
  if (!list.is_array()) throw input_error(name, std::string("\"") + key + "\" must be a list");
  std::vector<T> values;
  for (const Json& element : list) values.push_back(get(element));
  return values;
}

std::vector<int> ints_of(const Json& object, const char* key, const std::string& name) {
  return list_of<int>(object, key, name, [&](const Json& element) {
    return json_get<int>(Json{{key, element}}, key, name);
  });
}

std::vector<std::string> strings_of(const Json& object, const char* key, const std::string& name) {
  return list_of<std::string>(object, key, name, [&](const Json& element) {
    return json_get<std::string>(Json{{key, element}}, key, name);
  });
}

Json anchors_to_json(const std::vector<Anchor>& anchors) {
  Json list = Json::array();
  for (const Anchor& a : anchors)
    list.push_back({shortest_decimal(a.width), shortest_decimal(a.height)});
  return list;
}

std::vector<Anchor> anchors_of(const Json& object, const char* key, const std::string& name) {
  return list_of<Anchor>(object, key, name, [&](const Json& pair) -> Anchor {
    if (!pair.is_array() || pair.size() != 2) {
      throw input_error(name, "an anchor must be a list of width and height");
    }
    const Json sides{{"width", pair[0]}, {"height", pair[1]}};
    return {float_of(sides, "width", name), float_of(sides, "height", name)};
  });
}

Json padding_to_json(const Padding& p) { return {p.top, p.left, p.bottom, p.right}; }

Padding padding_of(const Json& object, const char* key, const std::string& name) {
  const std::vector<int> sides = ints_of(object, key, name);
  if (sides.size() != 4) {
    throw input_error(name,
                      std::string("\"") + key + "\" must be a list of top, left, bottom and right");
  }
  return {sides[0], sides[1], sides[2], sides[3]};
}

Activation activation_of(const Json& object, const char* key, const std::string& name) {
  const auto text = json_get<std::string>(object, key, name);
  if (const auto known = activation_named(text)) return *known;
  throw input_error(name, std::string("unknown ") + key + " \"" + text + "\"");
}

// Writes settings into an object: the visitor of visit_fields().
struct FieldWriter {
  Json& json;

  void operator()(const char* key, int value) const { json[key] = value; }
  void operator()(const char* key, bool value) const { json[key] = value; }
  void operator()(const char* key, float value) const { json[key] = shortest_decimal(value); }
  void operator()(const char* key, Activation value) const { json[key] = name_of(value); }
  void operator()(const char* key, const Padding& value) const {
    json[key] = padding_to_json(value);
  }
  void operator()(const char* key, const std::vector<int>& values) const { json[key] = values; }
  void operator()(const char* key, const std::vector<Anchor>& values) const {
    json[key] = anchors_to_json(values);
  }
  template <Worded E>
  void operator()(const char* key, E value) const {
    json[key] = word_of(value);
  }
  template <typename T>
  void operator()(const char* key, const std::optional<T>& settings) const {
    if (settings) T::visit_fields(*settings, FieldWriter{json[key] = Json::object()});
  }
  template <typename T>
  void operator()(const char* key, const T& value, const T& usual) const {
    if (value != usual) (*this)(key, value);
  }
};

// Reads them.
struct FieldReader {
  const Json& json;
  const std::string& name;  // of the place

  void operator()(const char* key, int& value) const { value = json_get<int>(json, key, name); }
  void operator()(const char* key, bool& value) const { value = json_get<bool>(json, key, name); }
  void operator()(const char* key, float& value) const { value = float_of(json, key, name); }
  void operator()(const char* key, Activation& value) const {
    value = activation_of(json, key, name);
  }
  void operator()(const char* key, Padding& value) const { value = padding_of(json, key, name); }
  void operator()(const char* key, std::vector<int>& values) const {
    values = ints_of(json, key, name);
  }
  void operator()(const char* key, std::vector<Anchor>& values) const {
    values = anchors_of(json, key, name);
  }
  template <Worded E>
  void operator()(const char* key, E& value) const {
    const auto word = json_get<std::string>(json, key, name);
    const auto known = value_named<E>(word);
    if (!known) throw input_error(name, std::string("unknown ") + key + " \"" + word + "\"");
    value = *known;
  }
  template <typename T>
  void operator()(const char* key, std::optional<T>& settings) const {
    if (json.contains(key)) T::visit_fields(settings.emplace(), FieldReader{json[key], name});
  }
  template <typename T>
  void operator()(const char* key, T& value, const T& usual) const {
    value = usual;
    if (json.contains(key)) (*this)(key, value);
  }
};

Operation operation_of(const Json& j, const std::string& name) {
  const auto kind = json_get<std::string>(j, "kind", name);
  std::optional<Operation> operation = operation_named(kind);
  if (!operation) {
    throw input_error(name, "unknown layer kind \"" + kind + "\"",
                      "the file may come from a newer version of oko");
  }
  std::visit(
      [&]<typename T>(T& settings) {
        T::visit_fields(settings, FieldReader{j, name});
      },
      *operation);
  return *std::move(operation);
}

Json preprocess_to_json(const Preprocess& p) {
  Json json = {{"fit", p.fit == Preprocess::Fit::kLetterbox ? "letterbox" : "stretch"},
               {"sampling", p.sampling == Preprocess::Sampling::kEdges ? "edges" : "pixel_centres"},
               {"border", shortest_decimal(p.border)},
               {"bgr", p.bgr}};
  if (p.normalizes()) {
    for (const auto& [key, values] : {std::pair("mean", p.mean), {"scale", p.scale}}) {
      for (const float value : values) json[key].push_back(shortest_decimal(value));
    }
  }
  return json;
}

// Three numbers; `values` stays as it is if there are none.
void read_channels(const Json& json, const char* key, const std::string& name,
                   std::array<float, 3>& values) {
  if (!json.contains(key)) return;
  const Json& list = json[key];
  const auto fits = [](const Json& one) {
    return one.is_number() && std::isfinite(one.get<float>());
  };
  if (!list.is_array() || list.size() != values.size() || !std::ranges::all_of(list, fits)) {
    throw input_error(name, std::string("\"") + key + "\" must be a list of three numbers");
  }
  for (std::size_t c = 0; c < values.size(); ++c) values[c] = list[c].get<float>();
}

Preprocess preprocess_of(const Json& j, const std::string& name) {
  // One of two strings: true for the second.
  const auto second = [&](const char* key, const char* a, const char* b) {
    const auto text = json_get<std::string>(j, key, name);
    if (text != a && text != b) {
      throw input_error(name, std::string("\"") + key + "\" must be \"" + a + "\" or \"" + b +
                                  "\", found \"" + text + "\"");
    }
    return text == b;
  };
  Preprocess p;
  p.fit = second("fit", "letterbox", "stretch") ? Preprocess::Fit::kStretch
                                                : Preprocess::Fit::kLetterbox;
  p.sampling = second("sampling", "edges", "pixel_centres") ? Preprocess::Sampling::kPixelCentres
                                                            : Preprocess::Sampling::kEdges;
  p.border = float_of(j, "border", name);
  p.bgr = json_get<bool>(j, "bgr", name);
  read_channels(j, "mean", name, p.mean);
  read_channels(j, "scale", name, p.scale);
  return p;
}

}  // namespace

Json network_to_json(const Network& network) {
  Json json = Json::object();
  json["name"] = network.name;
  json["input"] = {{"channels", network.input.channels},
                   {"height", network.input.height},
                   {"width", network.input.width}};
  json["preprocess"] = preprocess_to_json(network.preprocess);
  json["classes"] = network.classes;
  json["layers"] = Json::array();
  for (const Layer& layer : network.layers) {
    Json j = {{"name", layer.name}, {"kind", name_of(layer.operation)}, {"inputs", layer.inputs}};
    std::visit([&]<typename T>(const T& operation) { T::visit_fields(operation, FieldWriter{j}); },
               layer.operation);
    json["layers"].push_back(std::move(j));
  }
  for (const Output& output : network.raw_outputs) {
    json["outputs"].push_back({{"layer", output.layer}, {"name", output.name}});
  }
  if (network.diou_exponent > 0) json["diou_exponent"] = network.diou_exponent;
  json["metadata"] = network.metadata;
  return json;
}

Network network_from_json(const Json& json, const std::string& name) {
  Network network;
  network.name = json_get<std::string>(json, "name", name);
  const Json input = json_get<Json>(json, "input", name);
  network.input = {json_get<int>(input, "channels", name + ": input"),
                   json_get<int>(input, "height", name + ": input"),
                   json_get<int>(input, "width", name + ": input")};
  network.preprocess =
      preprocess_of(json_get<Json>(json, "preprocess", name), name + ": preprocess");
  network.classes = strings_of(json, "classes", name);
  network.layers = list_of<Layer>(json, "layers", name, [&, i = 0](const Json& j) mutable -> Layer {
    const std::string place = name + ": layer " + std::to_string(i++);
    return {json_get<std::string>(j, "name", place),
            operation_of(j, place),
            ints_of(j, "inputs", place),
            {}};
  });
  if (json.contains("outputs")) {
    network.raw_outputs = list_of<Output>(json, "outputs", name, [&](const Json& j) -> Output {
      const std::string place = name + ": outputs";
      return {json_get<int>(j, "layer", place), json_get<std::string>(j, "name", place)};
    });
  }
  if (json.contains("diou_exponent")) {
    network.diou_exponent = json_get<float>(json, "diou_exponent", name);
    if (!(network.diou_exponent > 0 && std::isfinite(network.diou_exponent))) {
      throw input_error(name, "\"diou_exponent\" must be above 0");
    }
  }
  network.metadata = json_get<Json>(json, "metadata", name);
  if (!network.metadata.is_object()) throw input_error(name, "\"metadata\" must be an object");
  return network;
}

}  // namespace oko::graph
