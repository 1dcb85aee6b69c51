#include "oko/formats/format.h"
#include "oko/formats/wrappers/source.h"
#include "oko/formats/wrappers/templates.h"
#include "oko/graph/oko_file.h"

namespace oko::formats {
namespace {

ReadModel read(std::span<const File> files, const ReadOptions&) {
  const File& file = files.front();
  return {graph::read_oko(file.bytes, file.name, graph::Verify::kChecksum).network};
}

Written write(const graph::Network& network, const WriteOptions& options, const std::string& stem) {
  const std::string file = stem + ".oko";
  return {{{file, Bytes(graph::write_oko(network, {}, options.precision))}}, file};
}

Limits limits(const WriteOptions&) {
  return {.int8 = true,
          .no_boxes = "the program that runs it decodes and suppresses boxes itself",
          .info = false,
          .diou = true};
}

std::vector<File> wrapper(const graph::Network& network, const WriteOptions& options,
                          const std::string& stem) {
  using namespace wrappers;
  const Source source(network, options, stem);
  return {source.swift(kSwiftOko), source.kotlin(kKotlinOko, ".oko"),
          source.typescript(kTypeScriptOko)};
}

}  // namespace

const Format& oko_format() {
  static const Format format{.name = "oko",
                             .title = "oko",
                             .extensions = {".oko"},
                             .is_own = true,
                             .read = read,
                             .write = write,
                             .limits = limits,
                             .wrapper = wrapper};
  return format;
}

}  // namespace oko::formats
