#include "oko/formats/format.h"
#include "oko/formats/mps.h"
#include "oko/formats/wrappers/source.h"
#include "oko/formats/wrappers/templates.h"

namespace oko::formats {
namespace {

Written write(const graph::Network& network, const WriteOptions& options, const std::string& stem) {
  Written written{write_mps(network, options, stem), {}};
  written.main = written.files.front().name;
  return written;
}

Limits limits(const WriteOptions&) {
  return {.no_boxes = "the wrapper beside it decodes and suppresses boxes"};
}

std::vector<File> wrapper(const graph::Network& network, const WriteOptions& options,
                          const std::string& stem) {
  return {wrappers::Source(network, options, stem).swift(wrappers::kSwiftMps)};
}

}  // namespace

const Format& mps_format() {
  static const Format format{
      .name = "mps",
      .title = "Metal Performance Shaders",
      .cannot_run = "Metal runs only on Apple devices; only the structure was checked",
      .write = write,
      .limits = limits,
      .wrapper = wrapper};
  return format;
}

}  // namespace oko::formats
