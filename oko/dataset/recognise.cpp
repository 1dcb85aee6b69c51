#include "oko/dataset/recognise.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "oko/base/error.h"
#include "oko/dataset/coco.h"
#include "oko/dataset/create_ml.h"
#include "oko/dataset/data_yaml.h"
#include "oko/dataset/file_kind.h"
#include "oko/dataset/keras_list.h"
#include "oko/dataset/shard_index.h"
#include "oko/dataset/unread.h"
#include "oko/dataset/voc.h"
#include "oko/dataset/yolo_txt.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

struct Evidence {
  std::string format;
  std::string file;  // the evidence
  bool layout = false;
};

// What a single file reveals about its format, usually nothing.
std::optional<Evidence> look_at(const Tree& tree, const std::string& path) {
  const std::string extension = storage::extension(path), name = storage::filename(path);
  if (extension == ".xml" && is_voc(tree.look_at(path).text())) return Evidence{"voc", path, true};
  if (extension == ".json") {
    const Text bytes = tree.look_at(path);
    if (is_coco(bytes.text())) return Evidence{"coco", path, true};
    if (is_create_ml(bytes.text())) return Evidence{"createml", path, true};
  }
  if ((extension == ".yaml" || extension == ".yml") && is_data_yaml(tree.look_at(path).text())) {
    return Evidence{"yolo", path, true};
  }
  if (extension == ".data" && !parse_darknet_data(tree.look_at(path).text()).train.empty()) {
    return Evidence{"yolo", path, true};
  }
  if (extension == ".jsonl" && is_shard_index(tree.look_at(path).text())) {
    return Evidence{"shards", path, true};
  }
  if (extension == ".txt") {
    const Text bytes = tree.look_at(path);
    if (is_keras_list(bytes.text())) return Evidence{"keras", path, false};
    if (is_yolo_labels(bytes.text())) return Evidence{"yolo", path, false};
  }
  return std::nullopt;
}

// One piece of evidence per format and kind is enough; so is the first of many files of one kind.
std::vector<Evidence> look_around(const Tree& tree) {
  std::vector<Evidence> found;
  const auto known = [&](const char* format, bool layout) {
    return std::any_of(found.begin(), found.end(),
                       [&](const Evidence& e) { return e.format == format && e.layout == layout; });
  };
  for (const std::string& path : tree.files()) {
    const std::string extension = storage::extension(path);
    if (extension == ".xml" && known("voc", true)) continue;
    if (extension == ".txt" && known("yolo", false) && !storage::parent(path).empty()) continue;
    const auto evidence = look_at(tree, path);
    if (evidence && !known(evidence->format.c_str(), evidence->layout)) found.push_back(*evidence);
  }
  return found;
}

std::string recognise_file(const Tree& tree) {
  if (const auto evidence = look_at(tree, tree.file())) return evidence->format;
  if (const auto kind =
          kind_of_file(storage::extension(tree.file()), tree.look_at(tree.file()).text())) {
    throw input_error(tree.uri(tree.file()),
                      fmt::format("is {}, which oko does not read", kind->name),
                      "export it as COCO, VOC or YOLO");
  }
  throw input_error(tree.uri(tree.file()),
                    "not a COCO or Create ML file, Keras train list, YOLO data.yaml or shard index",
                    "give the dataset's folder, or use --format");
}

}  // namespace

const std::vector<std::string>& format_names() {
  static const std::vector<std::string> names{"voc", "coco", "yolo", "keras", "createml", "shards"};
  return names;
}

std::string recognise(const Tree& tree) {
  if (!tree.file().empty()) return recognise_file(tree);
  std::vector<Evidence> found = look_around(tree);
  if (std::any_of(found.begin(), found.end(), [](const Evidence& e) { return e.layout; })) {
    std::erase_if(found, [](const Evidence& e) { return !e.layout; });
  }
  if (found.size() == 1) return found.front().format;
  if (found.empty()) {
    if (const std::string foreign = foreign_annotations(tree); !foreign.empty()) {
      throw input_error(tree.root(), foreign + ", which oko does not read",
                        "export it as COCO, VOC or YOLO");
    }
    throw input_error(
        tree.root(),
        fmt::format("no annotations among its {} files ({} images); looked for VOC (.xml with "
                    "<annotation>), COCO (.json with \"images\" and \"annotations\"), YOLO "
                    "(data.yaml, .data, or label files next to images or in labels/), a Keras "
                    "train list (.txt: path x1,y1,x2,y2,class), Create ML (.json list) and shards "
                    "(shards.jsonl)",
                    tree.files().size(), tree.pictures().size()),
        "check the folder, or use --format");
  }
  std::vector<std::string> candidates;
  for (const Evidence& e : found) candidates.push_back(fmt::format("{} ({})", e.format, e.file));
  throw Error(ErrorCode::kUsage, tree.root(),
              fmt::format("could be {}", fmt::join(candidates, " or ")), "choose with --format");
}

}  // namespace oko::dataset
