#include "oko/formats/format.h"
#include "oko/base/class_list.h"
#include "oko/formats/darknet.h"

namespace oko::formats {
namespace {

ReadModel read(std::span<const File> files, const ReadOptions&) {
  const File& cfg = files.front();
  ReadModel result;
  DarknetLayout layout;
  result.network = read_darknet_cfg(cfg.bytes.text(), cfg.name, &result.notes, &layout);
  result.inferred_preprocessing = true;
  if (files.size() == 1) return result;
  const File& weights = files[1];
  const DarknetWeights header =
      read_darknet_weights(weights.bytes, weights.name, result.network, layout);
  if (!header.complete) {
    throw input_error(weights.name,
                      "contains only the first " + std::to_string(header.convolutions_loaded) +
                          " convolutions of " + cfg.name,
                      "train from it (oko train --from), or give the complete weights");
  }
  result.pictures_seen = header.seen;
  return result;
}

Written write(const graph::Network& network, const WriteOptions&, const std::string& stem) {
  Written written{{text_file(stem + ".cfg", write_darknet_cfg(network)),
                   {stem + ".weights", Bytes(write_darknet_weights(network))}},
                  stem + ".cfg"};
  if (!network.classes.empty()) {
    const std::string names = stem + ".names";
    written.files.push_back(text_file(names, class_list_text(network.classes, names)));
  }
  return written;
}

Limits limits(const WriteOptions&) {
  return {.float16 = false,
          .no_boxes = "the program that runs it decodes and suppresses boxes itself",
          .info = false,
          .diou = true};
}

}  // namespace

const Format& darknet_format() {
  static const Format format{.name = "darknet",
                             .title = "Darknet",
                             .extensions = {".cfg"},
                             .weight_extensions = {".weights", ".backup"},
                             .read = read,
                             .write = write,
                             .limits = limits};
  return format;
}

}  // namespace oko::formats
