#include "oko/formats/format.h"
#include "oko/formats/tensorflow.h"

namespace oko::formats {
namespace {

ReadModel read(std::span<const File> files, const ReadOptions& options) {
  const File& file = files.front();
  return finished(read_tensorflow(file.bytes, file.name, options.size), options);
}

}  // namespace

const Format& tensorflow_format() {
  static const Format format{
      .name = "tensorflow", .title = "TensorFlow", .extensions = {".pb"}, .read = read};
  return format;
}

}  // namespace oko::formats
