#include "oko/formats/format.h"
#include "oko/formats/onnx.h"
#include "oko/formats/wrappers/source.h"
#include "oko/formats/wrappers/templates.h"

namespace oko::formats {
namespace {

ReadModel read(std::span<const File> files, const ReadOptions& options) {
  const File& file = files.front();
  OnnxReadOptions size;
  if (options.size) size = {options.size->width, options.size->height};
  return finished(read_onnx(file.bytes, file.name, size), options);
}

Written write(const graph::Network& network, const WriteOptions& options, const std::string& stem) {
  return {write_onnx(network, options, stem), stem + ".onnx"};
}

std::vector<File> wrapper(const graph::Network& network, const WriteOptions& options,
                          const std::string& stem) {
  using namespace wrappers;
  const Source source(network, options, stem);
  const auto decoding = filled(kTypeScriptDecoding, source.values(Language::kTypeScript));
  return {source.typescript(
      kTypeScriptOnnx,
      {{"MODEL", source.file_literal(".onnx", Language::kTypeScript)},
       {"READ_OUTPUTS", std::string(options.boxes ? kTypeScriptDecoded : kTypeScriptRaw)},
       {"DECODING", options.boxes ? "" : decoding}})};
}

}  // namespace

const Format& onnx_format() {
  static const Format format{.name = "onnx",
                             .title = "ONNX",
                             .extensions = {".onnx"},
                             .read = read,
                             .write = write,
                             .limits = [](const WriteOptions&) { return Limits{}; },
                             .wrapper = wrapper};
  return format;
}

}  // namespace oko::formats
