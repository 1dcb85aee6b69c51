#include "oko/formats/format.h"
#include "oko/formats/tflite.h"
#include "oko/formats/wrappers/source.h"
#include "oko/formats/wrappers/templates.h"

namespace oko::formats {
namespace {

ReadModel read(std::span<const File> files, const ReadOptions& options) {
  const File& file = files.front();
  return finished(read_tflite(file.bytes, file.name), options);
}

Written write(const graph::Network& network, const WriteOptions& options, const std::string& stem) {
  return {write_tflite(network, options, stem), stem + ".tflite"};
}

Limits limits(const WriteOptions&) {
  return {.int8 = true, .no_boxes = "the wrapper beside it decodes and suppresses boxes"};
}

std::vector<File> wrapper(const graph::Network& network, const WriteOptions& options,
                          const std::string& stem) {
  return {wrappers::Source(network, options, stem).kotlin(wrappers::kKotlinTflite, ".tflite")};
}

}  // namespace

const Format& tflite_format() {
  static const Format format{
      .name = "tflite",
      .title = "TensorFlow Lite",
      .extensions = {".tflite"},
      .runs_in_int8 = true,
      .recognize =
          [](std::string_view start) { return start.size() > 8 && start.substr(4, 4) == "TFL3"; },
      .read = read,
      .write = write,
      .limits = limits,
      .wrapper = wrapper};
  return format;
}

}  // namespace oko::formats
