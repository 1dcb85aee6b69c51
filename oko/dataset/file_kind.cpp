#include "oko/dataset/file_kind.h"

#include <algorithm>
#include <initializer_list>

#include "oko/dataset/coco.h"
#include "oko/dataset/create_ml.h"
#include "oko/dataset/data_yaml.h"
#include "oko/dataset/keras_list.h"
#include "oko/dataset/shard_index.h"
#include "oko/dataset/text.h"
#include "oko/dataset/tree.h"
#include "oko/dataset/voc.h"
#include "oko/dataset/yolo_splits.h"
#include "oko/dataset/yolo_txt.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

using Kind = std::optional<FileKind>;

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool has_all(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::all_of(parts.begin(), parts.end(), [&](auto part) { return has(text, part); });
}

bool has_any(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(), [&](auto part) { return has(text, part); });
}

Kind kind_of_json(std::string_view text) {
  const std::string_view start = trimmed(text.substr(0, 64));
  if (!start.starts_with('{') && !start.starts_with('[')) return std::nullopt;
  if (is_label_studio(text)) return FileKind{"an export of Label Studio", ""};
  if (is_coco(text) || has_all(text, {"\"images\"", "\"file_name\""}) ||
      has_all(text, {"\"image_id\"", "\"category_id\"", "\"bbox\""})) {
    return FileKind{"COCO annotations", start.starts_with('{') ? "coco" : ""};
  }
  if (has_any(text, {"\"_via_", "\"shape_attributes\""})) return FileKind{"a file of VIA", ""};
  if (has_all(text, {"\"shapes\"", "\"imagePath\""})) return FileKind{"a file of labelme", ""};
  if (has(text, "\"classTitle\"") ||
      (has_all(text, {"\"classes\"", "\"title\"", "\"shape\""}) && start.starts_with('{'))) {
    return FileKind{"a file of Supervisely", ""};
  }
  if (has_any(text, {"\"Labeled Data\"", "\"data_row\""})) {
    return FileKind{"an export of Labelbox", ""};
  }
  if (is_create_ml(text) && has(text, "\"coordinates\"")) {
    return FileKind{"Create ML annotations", "createml"};
  }
  if (has_any(text, {"\"bbox\"", "\"box2d\"", "\"bounding_box\"", "\"boundingBox\"",
                     "\"bounding-box\"", "\"xmin\""})) {
    return FileKind{"JSON with boxes", ""};
  }
  return std::nullopt;
}

Kind kind_of_xml(std::string_view text) {
  if (is_voc(text)) return FileKind{"a VOC annotation", "voc"};
  if (has(text, "<annotations")) return FileKind{"an export of CVAT (CVAT for images)", ""};
  if (has_all(text, {"<dataset", "<box"})) return FileKind{"a file of dlib's imglab", ""};
  return std::nullopt;
}

Kind kind_of_csv(std::string_view text) {
  const std::string start = lower(text.substr(0, 4096));
  for (const char* word : {"xmin", "x_min", "bbox", "region_shape_attributes", "x_center"}) {
    if (has(start, word)) return FileKind{"a table of boxes (CSV)", ""};
  }
  for (const std::string_view line : split_lines(start)) {
    std::size_t numbers = 0;
    bool image = false;
    for (std::string_view rest = line; !rest.empty();) {
      const auto end = std::min(rest.find_first_of(",;\t"), rest.size());
      const std::string field(trimmed(rest.substr(0, end)));
      image = image || is_picture_extension(storage::extension(field));
      numbers += parse_number(field) ? 1U : 0U;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    if (image && numbers >= 4) return FileKind{"a table of boxes (CSV)", ""};
  }
  return std::nullopt;
}

// JSON lines: a manifest of a labelling job, a dataset's metadata.
Kind kind_of_lines(std::string_view text) {
  if (is_shard_index(text)) return FileKind{"an index of shards", "shards"};
  if (has_any(text, {"\"bbox\"", "\"bounding-box\"", "\"bounding_box\"", "\"boundingBox\"",
                     "\"data_row\"", "\"annotations\"", "\"boxes\""})) {
    return FileKind{"JSON lines with boxes", ""};
  }
  return std::nullopt;
}

Kind kind_of_txt(std::string_view text) {
  if (is_keras_list(text)) return FileKind{"a Keras train list", "keras"};
  if (is_image_list(text)) return FileKind{kListOfImages, ""};
  return std::nullopt;
}

}  // namespace

bool is_label_studio(std::string_view text) {
  return has_any(text, {"\"rectanglelabels\"", "\"polygonlabels\"", "\"brushlabels\"",
                        "\"annotation_id\"", "\"completed_by\""});
}

bool has_box_lines(std::string_view text) {
  for (const std::string_view line : split_lines(text)) {
    std::string fields(trimmed(line));
    if (fields.empty()) continue;
    std::replace_if(
        fields.begin(), fields.end(), [](char c) { return c == ',' || c == ';'; }, ' ');
    const auto words = split_blanks(fields);
    return std::count_if(words.begin(), words.end(),
                         [](std::string_view word) { return parse_number(word).has_value(); }) >= 4;
  }
  return false;
}

std::optional<FileKind> kind_of_file(std::string_view extension, std::string_view text) {
  if (extension == ".json") return kind_of_json(text);
  if (extension == ".xml") return kind_of_xml(text);
  if (extension == ".csv" || extension == ".tsv") return kind_of_csv(text);
  if (extension == ".txt") return kind_of_txt(text);
  if (extension == ".jsonl" || extension == ".ndjson" || extension == ".manifest") {
    return kind_of_lines(text);
  }
  if ((extension == ".yaml" || extension == ".yml") && is_data_yaml(text)) {
    return FileKind{"a YOLO data.yaml", "yolo"};
  }
  if (extension == ".data" && !parse_darknet_data(text).train.empty()) {
    return FileKind{"a Darknet .data file", "yolo"};
  }
  if (extension == ".tfrecord" || extension == ".record") return FileKind{"a TFRecord file", ""};
  return std::nullopt;
}

}  // namespace oko::dataset
