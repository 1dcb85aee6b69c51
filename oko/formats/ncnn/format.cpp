#include "oko/formats/format.h"
#include "oko/base/text.h"
#include "oko/formats/ncnn.h"
#include "oko/formats/wrappers/source.h"
#include "oko/formats/wrappers/templates.h"

namespace oko::formats {
namespace {

ReadModel read(std::span<const File> files, const ReadOptions& options) {
  const File& param = files.front();
  const std::string name = param.name.substr(0, param.name.rfind('.'));
  const File& bin = files[1];
  return finished(read_ncnn(param.bytes.text(), bin.bytes, name, options.size, bin.name), options);
}

Written write(const graph::Network& network, const WriteOptions& options, const std::string& stem) {
  Written written{{}, stem + ".param"};
  written.files = write_ncnn(network, options, stem, &written.notes);
  return written;
}

// ncnn's own output layer does not suit a wrapper: it hides what undoing the letterbox needs.
std::vector<File> wrapper(const graph::Network& network, const WriteOptions& options,
                          const std::string& stem) {
  if (options.boxes) return {};
  return {wrappers::Source(network, options, stem).cpp(wrappers::kCppNcnn)};
}

}  // namespace

const Format& ncnn_format() {
  static const Format format{
      .name = "ncnn",
      .title = "ncnn",
      .extensions = {".param"},
      .weight_extensions = {".bin"},
      .finds_weights = true,
      .recognize = [](std::string_view start) { return without_bom(start).starts_with("7767517"); },
      .read = read,
      .write = write,
      .limits = [](const WriteOptions&) { return Limits{.info = false}; },
      .wrapper = wrapper};
  return format;
}

}  // namespace oko::formats
