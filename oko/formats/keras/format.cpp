#include "oko/formats/format.h"
#include "oko/formats/keras.h"

namespace oko::formats {
namespace {

ReadModel read(std::span<const File> files, const ReadOptions& options) {
  const File& file = files.front();
  if (keras_has_structure(file.bytes, file.name) && !options.network) {
    return finished(read_keras(file.bytes, file.name, options.size), options);
  }
  if (!options.network) {
    throw input_error(file.name, "contains only weights; the network is unknown",
                      "give the network with --network: a built-in name or a model file");
  }
  ReadModel result{*options.network};
  result.notes = read_keras_weights(file.bytes, file.name, result.network);
  return result;
}

}  // namespace

const Format& keras_format() {
  static const Format format{
      .name = "keras",
      .title = "Keras",
      .extensions = {".h5", ".hdf5", ".keras"},
      .takes_network = true,
      .recognize = [](std::string_view start) { return start.starts_with("\x89HDF\r\n\x1a\n"); },
      .read = read};
  return format;
}

}  // namespace oko::formats
