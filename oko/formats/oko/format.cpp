#include "oko/formats/format.h"
#include "oko/formats/wrappers/source.h"
#include "oko/formats/wrappers/templates.h"
#include "oko/graph/about.h"
#include "oko/graph/oko_file.h"

namespace oko::formats {
namespace {

ReadModel read(std::span<const File> files, const ReadOptions&) {
  const File& file = files.front();
  return {graph::read_oko(file.bytes, file.name, graph::Verify::kChecksum).network};
}

// Texts that are not given stay as the model has them.
graph::Network with_info(graph::Network network, const ModelInfo& given) {
  graph::Info info = graph::about(network).info;
  const auto set = [](std::string& to, const std::string& text) {
    if (!text.empty()) to = text;
  };
  set(info.description, given.description);
  set(info.author, given.author);
  set(info.license, given.license);
  set(info.version, given.version);
  graph::set_info(network, info);
  return network;
}

Written write(const graph::Network& network, const WriteOptions& options, const std::string& stem) {
  const std::string file = stem + ".oko";
  const graph::Network said = with_info(network, options.info);
  return {{{file, Bytes(graph::write_oko(said, {}, options.precision))}}, file};
}

Limits limits(const WriteOptions&) {
  return {.int8 = true,
          .no_boxes = "the program that runs it decodes and suppresses boxes itself",
          .diou = true};
}

std::vector<File> wrapper(const graph::Network& network, const WriteOptions& options,
                          const std::string& stem) {
  using namespace wrappers;
  // Unless the user said one, the engine takes the thresholds of the file, whichever it will be.
  WriteOptions told = options;
  std::vector<float>& each = told.thresholds.class_scores;
  if (each.empty() && !told.score_given) {
    each.assign(static_cast<std::size_t>(network.class_count()), told.thresholds.score);
  }
  const Source source(network, told, stem);
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
