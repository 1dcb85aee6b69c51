#include "oko/formats/keras/model.h"

#include <set>

#include "oko/base/error.h"

namespace oko::formats {
namespace {

constexpr std::size_t kMaxCalls = 16384;

bool is_model(const std::string& kind) {
  return kind == "Model" || kind == "Functional" || kind == "Sequential";
}

// The tensor that call `call` of a layer produces. Keras counts calls from 0.
struct Source {
  std::string layer;
  int call = 0, tensor = 0;
  auto operator<=>(const Source&) const = default;
};

std::optional<Source> source_of(const Json& json) {
  const bool is = json.is_array() && json.size() >= 3 && json[0].is_string() &&
                  json[1].is_number_integer() && json[2].is_number_integer();
  if (!is || json[1] < 0 || json[1] > kMaxCalls || json[2] < 0 || json[2] > kMaxCalls) {
    return std::nullopt;
  }
  return Source{json[0].get<std::string>(), json[1].get<int>(), json[2].get<int>()};
}

// All sources of one call of a layer: [["name", 0, 0, {}], …], or Keras 3's objects with
// "keras_history": ["name", 0, 0] somewhere in them.
void collect(const Json& json, std::vector<Source>& sources) {
  if (const auto source = source_of(json)) {
    sources.push_back(*source);
  } else if (json.is_structured()) {
    for (const Json& item : json) collect(item, sources);
  }
}

std::vector<Source> sources_of(const Json& json) {
  std::vector<Source> sources;
  collect(json, sources);
  return sources;
}

const Json* member(const Json& object, const char* key) {
  const bool has = object.is_object() && object.contains(key) && !object.at(key).is_null();
  return has ? &object.at(key) : nullptr;
}

class Layout {
 public:
  explicit Layout(const std::string& file) : file_(file) {}

  KerasModel run(const Json& model) {
    result_.outputs = expand(model, {}, {});
    return std::move(result_);
  }

 private:
  // A model's context: the names of the enclosing ones, and the group of its weights.
  struct Context {
    std::string prefix, group;
  };
  using Maps = std::vector<std::string>;

  [[noreturn]] void fail(const std::string& what, std::string message) const {
    throw input_error(file_ + ": " + what, std::move(message),
                      "the file is damaged: save the model again");
  }

  // Flattens a model that reads the tensors `from` (none: its own inputs) and returns its outputs.
  Maps expand(const Json& model, const Context& context, const Maps& from) {
    const auto kind = json_get<std::string>(model, "class_name", file_ + ": model_config");
    const Json* config = member(model, "config");
    const Json* layers = config != nullptr && config->is_array() ? config : nullptr;
    if (layers == nullptr && config != nullptr) layers = member(*config, "layers");
    if (!is_model(kind) || layers == nullptr || !layers->is_array()) {
      fail("model_config", "\"" + kind + "\" is not a model with layers");
    }
    return kind == "Sequential" ? sequential(*config, *layers, context, from)
                                : functional(*config, *layers, context, from);
  }

  std::string name_of(const Json& layer) const {
    const std::string place = file_ + ": model_config";
    if (member(layer, "name") != nullptr) return json_get<std::string>(layer, "name", place);
    return json_get<std::string>(json_get<Json>(layer, "config", place), "name", place);
  }

  void add_input(const std::string& map, const Json* shape) {
    if (shape == nullptr) fail(map, "the input has no shape");
    result_.inputs.push_back({map, *shape});
  }

  static const Json* batch_shape(const Json& config) {
    const Json* shape = member(config, "batch_input_shape");
    return shape != nullptr ? shape : member(config, "batch_shape");
  }

  // One call of a layer; returns the tensors it produces.
  Maps call(const Json& layer, const Context& context, int use, Maps from) {
    if (++calls_ > kMaxCalls) fail("model_config", "the model has too many layers");
    const auto kind = json_get<std::string>(layer, "class_name", file_ + ": model_config");
    const std::string name = name_of(layer);
    const std::string map =
        context.prefix + name + (use > 0 ? ":" + std::to_string(use) : std::string());
    const std::string group = context.group.empty() ? name : context.group;
    if (is_model(kind)) {
      return expand(layer, {map + "/", group}, from);
    }
    const Json* config = member(layer, "config");
    result_.calls.push_back({{context.prefix + name, kind},
                             config != nullptr ? *config : Json::object(),
                             group,
                             context.group.empty() ? std::string() : name,
                             std::move(from),
                             map});
    return {map};
  }

  Maps sequential(const Json& config, const Json& layers, const Context& context, Maps maps) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const Json& layer = layers[i];
      const auto kind = json_get<std::string>(layer, "class_name", file_ + ": model_config");
      const bool is_input = kind == "InputLayer";
      if (maps.empty()) {
        const Json* own = member(layer, "config");
        const Json* shape = own != nullptr ? batch_shape(*own) : nullptr;
        if (shape == nullptr) shape = member(config, "build_input_shape");
        maps = {context.prefix + (is_input ? name_of(layer) : "input")};
        add_input(maps[0], shape);
      }
      if (!is_input) maps = call(layer, context, 0, std::move(maps));
    }
    if (maps.empty()) fail("model_config", "the model has no layers");
    return maps;
  }

  // One call of a layer that waits for its inputs.
  struct Waiting {
    const Json* layer = nullptr;
    std::string name;
    int use = 0;
    std::vector<Source> from;
  };

  Maps functional(const Json& config, const Json& layers, const Context& context,
                  const Maps& from) {
    std::map<Source, std::string> made;
    std::vector<Waiting> waiting;
    const std::vector<Source> inputs = sources_of(config.value("input_layers", Json()));
    if (!from.empty() && inputs.size() != from.size()) {
      fail(context.prefix, "the model has " + std::to_string(inputs.size()) +
                               " inputs but is called with " + std::to_string(from.size()));
    }
    for (std::size_t i = 0; i < from.size(); ++i) made[inputs[i]] = from[i];
    for (const Json& layer : layers) begin(layer, context, from.empty(), made, waiting);
    while (!waiting.empty()) {
      const std::size_t before = waiting.size();
      std::vector<Waiting> later;
      for (Waiting& next : waiting) {
        if (!ready(next, made)) {
          later.push_back(std::move(next));
          continue;
        }
        Maps maps;
        for (const Source& source : next.from) maps.push_back(made.at(source));
        const Maps results = call(*next.layer, context, next.use, std::move(maps));
        for (std::size_t t = 0; t < results.size(); ++t) {
          made[{next.name, next.use, static_cast<int>(t)}] = results[t];
        }
      }
      if (later.size() == before) {
        fail(context.prefix + later[0].name, "reads from a missing layer, or from itself");
      }
      waiting = std::move(later);
    }
    return outputs(config, context, made);
  }

  // Handles an input, or queues every call of a layer.
  void begin(const Json& layer, const Context& context, bool outermost,
             std::map<Source, std::string>& made, std::vector<Waiting>& waiting) {
    const std::string name = name_of(layer);
    const auto kind = json_get<std::string>(layer, "class_name", file_ + ": model_config");
    if (kind == "InputLayer") {
      if (!outermost) return;
      const std::string map = context.prefix + name;
      const Json* config = member(layer, "config");
      add_input(map, config != nullptr ? batch_shape(*config) : nullptr);
      made[{name, 0, 0}] = map;
      return;
    }
    const Json* uses = member(layer, "inbound_nodes");
    if (uses == nullptr || !uses->is_array()) return;
    int use = 0;
    for (const Json& inbound : *uses) {
      if (waiting.size() >= kMaxCalls) fail("model_config", "the model has too many layers");
      // Keras sometimes writes a single input without a list around it.
      waiting.push_back({&layer, name, use++, sources_of(inbound)});
      if (waiting.back().from.empty()) fail(context.prefix + name, "has no inputs");
    }
  }

  static bool ready(const Waiting& next, const std::map<Source, std::string>& made) {
    for (const Source& source : next.from) {
      if (!made.contains(source)) return false;
    }
    return true;
  }

  Maps outputs(const Json& config, const Context& context,
               const std::map<Source, std::string>& made) const {
    Maps maps;
    for (const Source& source : sources_of(config.value("output_layers", Json()))) {
      const auto found = made.find(source);
      if (found == made.end()) {
        fail(context.prefix + source.layer, "is an output but not a layer of the model");
      }
      maps.push_back(found->second);
    }
    if (maps.empty()) fail("model_config", "the model has no outputs");
    return maps;
  }

  std::string file_;
  KerasModel result_;
  std::size_t calls_ = 0;
};

}  // namespace

KerasModel lay_out_keras(const Json& model, const std::string& file) {
  return Layout(file).run(model);
}

}  // namespace oko::formats
