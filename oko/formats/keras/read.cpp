#include "oko/base/error.h"
#include "oko/formats/keras.h"
#include "oko/formats/keras/model.h"

namespace oko::formats {
namespace {

constexpr const char* kConfig = "model_config";

Hdf5 open(const Bytes& file, const std::string& name) {
  if (file.text().starts_with("PK\3\4")) {
    throw input_error(name, "is a zip archive, as Keras 3 saves models (.keras)",
                      "save the model as HDF5: model.save(\"model.h5\")");
  }
  return Hdf5(file, name);
}

// A side that the file does not fix comes from `size`.
int side_of(const Json& side, int given, const std::string& place) {
  if (given > 0) return given;
  if (side.is_null()) {
    throw input_error(place, "the file does not fix the input size",
                      "set it, for example with --size 416x416");
  }
  if (!side.is_number_integer() || side < 1 || side > 65536) {
    throw input_error(place, "the input's side " + side.dump() + " is not in 1…65536");
  }
  return side.get<int>();
}

graph::Shape input_shape(const KerasModel::Input& input, bool first,
                         const std::optional<image::Size>& size, const std::string& file) {
  const std::string place = file + ": " + input.map + " (InputLayer)";
  if (!input.shape.is_array() || input.shape.size() != 4) {
    throw input_error(place, "the input " + input.shape.dump() + " is not an image",
                      "oko's networks read rows, columns and channels");
  }
  const Json &channels = input.shape[first ? 1 : 3], &rows = input.shape[first ? 2 : 1],
             &columns = input.shape[first ? 3 : 2];
  if (channels.is_null()) throw input_error(place, "the number of channels is not fixed");
  return {side_of(channels, 0, place), side_of(rows, size ? size->height : 0, place),
          side_of(columns, size ? size->width : 0, place)};
}

std::optional<std::string> structure(Hdf5& file) {
  auto config = file.strings("", kConfig);
  if (!config || config->size() != 1) return std::nullopt;
  return std::move(config->front());
}

}  // namespace

bool keras_has_structure(const Bytes& file, const std::string& name) {
  Hdf5 hdf5 = open(file, name);
  return structure(hdf5).has_value();
}

Imported read_keras(const Bytes& file, const std::string& name, std::optional<image::Size> size) {
  Hdf5 hdf5 = open(file, name);
  const auto config = structure(hdf5);
  if (!config) {
    throw input_error(name, "contains only weights, no model (attribute model_config)",
                      "name their network with --network, or save with model.save()");
  }
  const Json json = parse_json(*config, name + ": " + kConfig);
  const KerasModel model = lay_out_keras(json, name);
  LayerWeights weights(hdf5);
  NetworkBuilder builder(name);
  for (const LayerCall& call : model.calls) {
    for (const std::string& map : call.from) builder.use(map);
  }
  for (const std::string& map : model.outputs) builder.use(map);
  const bool first = channels_first(model.calls, builder);
  for (const KerasModel::Input& input : model.inputs) {
    builder.input(input.map, input_shape(input, first, size, name));
  }
  LayerMaker maker(builder, weights, first);
  for (const LayerCall& call : model.calls) maker.make(call);
  std::string network;
  if (json.at("config").is_object() && json.at("config").contains("name")) {
    network = json_get<std::string>(json.at("config"), "name", name + ": " + kConfig);
  }
  return builder.finish(network, model.outputs);
}

}  // namespace oko::formats
