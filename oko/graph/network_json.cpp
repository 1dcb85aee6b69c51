#include "oko/graph/network_json.h"

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

std::vector<Anchor> anchors_of(const Json& object, const std::string& name) {
  return list_of<Anchor>(object, "anchors", name, [&](const Json& pair) -> Anchor {
    if (!pair.is_array() || pair.size() != 2) {
      throw input_error(name, "an anchor must be a list of width and height");
    }
    const Json sides{{"width", pair[0]}, {"height", pair[1]}};
    return {float_of(sides, "width", name), float_of(sides, "height", name)};
  });
}

Json padding_to_json(const Padding& p) { return {p.top, p.left, p.bottom, p.right}; }

Padding padding_of(const Json& object, const std::string& name) {
  const std::vector<int> sides = ints_of(object, "padding", name);
  if (sides.size() != 4) {
    throw input_error(name, "\"padding\" must be a list of top, left, bottom and right");
  }
  return {sides[0], sides[1], sides[2], sides[3]};
}

Activation activation_of(const Json& object, const std::string& name) {
  const auto text = json_get<std::string>(object, "activation", name);
  if (const auto known = activation_named(text)) return *known;
  throw input_error(name, "unknown activation \"" + text + "\"");
}

// Writes the settings of each kind of layer into the layer's object.
struct SettingsWriter {
  Json& json;

  void operator()(const Convolution& c) {
    json["filters"] = c.filters;
    json["size"] = c.size;
    json["stride"] = c.stride;
    json["groups"] = c.groups;
    json["padding"] = padding_to_json(c.padding);
    if (c.batch_norm) {
      json["batch_norm"] = {{"epsilon", shortest_decimal(c.batch_norm->epsilon)},
                            {"epsilon_outside_root", c.batch_norm->epsilon_outside_root}};
    }
    json["activation"] = name_of(c.activation);
  }
  void operator()(const MaxPool& pool) {
    json["size"] = pool.size;
    json["stride"] = pool.stride;
    json["padding"] = padding_to_json(pool.padding);
  }
  void operator()(const AveragePool&) {}
  void operator()(const Upsample& upsample) { json["scale"] = upsample.scale; }
  void operator()(const Route& route) {
    json["groups"] = route.groups;
    json["group"] = route.group;
  }
  void operator()(const Shortcut& shortcut) { json["activation"] = name_of(shortcut.activation); }
  void operator()(const Dropout& dropout) {
    json["probability"] = shortest_decimal(dropout.probability);
  }
  void operator()(const Softmax&) {}
  void operator()(const Yolo& yolo) {
    json["anchors"] = anchors_to_json(yolo.anchors);
    json["mask"] = yolo.mask;
    json["classes"] = yolo.classes;
    json["scale_x_y"] = shortest_decimal(yolo.scale_x_y);
    json["ignore_threshold"] = shortest_decimal(yolo.ignore_threshold);
    json["truth_threshold"] = shortest_decimal(yolo.truth_threshold);
  }
  void operator()(const Region& region) {
    json["anchors"] = anchors_to_json(region.anchors);
    json["classes"] = region.classes;
    json["softmax"] = region.softmax;
  }
};

Convolution convolution_of(const Json& j, const std::string& name) {
  Convolution c;
  c.filters = json_get<int>(j, "filters", name);
  c.size = json_get<int>(j, "size", name);
  c.stride = json_get<int>(j, "stride", name);
  c.groups = json_get<int>(j, "groups", name);
  c.padding = padding_of(j, name);
  if (j.contains("batch_norm")) {
    const Json& norm = j["batch_norm"];
    c.batch_norm = BatchNorm{float_of(norm, "epsilon", name),
                             json_get<bool>(norm, "epsilon_outside_root", name)};
  }
  c.activation = activation_of(j, name);
  return c;
}

Yolo yolo_of(const Json& j, const std::string& name) {
  Yolo yolo;
  yolo.anchors = anchors_of(j, name);
  yolo.mask = ints_of(j, "mask", name);
  yolo.classes = json_get<int>(j, "classes", name);
  yolo.scale_x_y = float_of(j, "scale_x_y", name);
  yolo.ignore_threshold = float_of(j, "ignore_threshold", name);
  yolo.truth_threshold = float_of(j, "truth_threshold", name);
  return yolo;
}

Operation operation_of(const Json& j, const std::string& name) {
  const auto kind = json_get<std::string>(j, "kind", name);
  const auto whole = [&](const char* key) { return json_get<int>(j, key, name); };
  if (kind == "convolution") return convolution_of(j, name);
  if (kind == "max_pool") return MaxPool{whole("size"), whole("stride"), padding_of(j, name)};
  if (kind == "average_pool") return AveragePool{};
  if (kind == "upsample") return Upsample{whole("scale")};
  if (kind == "route") return Route{whole("groups"), whole("group")};
  if (kind == "shortcut") return Shortcut{activation_of(j, name)};
  if (kind == "dropout") return Dropout{float_of(j, "probability", name)};
  if (kind == "softmax") return Softmax{};
  if (kind == "yolo") return yolo_of(j, name);
  if (kind == "region") {
    return Region{anchors_of(j, name), whole("classes"), json_get<bool>(j, "softmax", name)};
  }
  throw input_error(name, "unknown layer kind \"" + kind + "\"",
                    "the file may come from a newer version of oko");
}

Json preprocess_to_json(const Preprocess& p) {
  return {{"fit", p.fit == Preprocess::Fit::kLetterbox ? "letterbox" : "stretch"},
          {"sampling", p.sampling == Preprocess::Sampling::kEdges ? "edges" : "pixel_centres"},
          {"border", shortest_decimal(p.border)},
          {"bgr", p.bgr}};
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
    std::visit(SettingsWriter{j}, layer.operation);
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
