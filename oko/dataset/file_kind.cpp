#include "oko/dataset/file_kind.h"

#include <algorithm>
#include <initializer_list>

#include "oko/dataset/list_paths.h"
#include "oko/dataset/text.h"
#include "oko/dataset/tree.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool has_all(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::all_of(parts.begin(), parts.end(), [&](auto part) { return has(text, part); });
}

bool has_any(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(), [&](auto part) { return has(text, part); });
}

// A file of another tool, which may look like one of a format.
const char* other_tool(std::string_view extension, std::string_view text) {
  const std::string_view start = trimmed(text.substr(0, 64));
  if (extension != ".json" || (!start.starts_with('{') && !start.starts_with('['))) return nullptr;
  if (is_label_studio(text)) return "an export of Label Studio";
  if (has_any(text, {"\"_via_", "\"shape_attributes\""})) return "a file of VIA";
  if (has_all(text, {"\"shapes\"", "\"imagePath\""})) return "a file of labelme";
  if (has(text, "\"classTitle\"") ||
      (has_all(text, {"\"classes\"", "\"title\"", "\"shape\""}) && start.starts_with('{'))) {
    return "a file of Supervisely";
  }
  if (has_any(text, {"\"Labeled Data\"", "\"data_row\""})) return "an export of Labelbox";
  return nullptr;
}

std::optional<FileKind> kind_of_format(std::string_view extension, std::string_view text,
                                       bool needs_image) {
  for (const Format* format : formats()) {
    for (const FormatFile& file : format->files) {
      if (file.needs_image != needs_image || !has_extension(file, extension)) continue;
      if ((file.may_match ? file.may_match : file.matches)(text)) {
        return FileKind{file.name, format};
      }
    }
  }
  return std::nullopt;
}

const char* other_json(std::string_view text) {
  const std::string_view start = trimmed(text.substr(0, 64));
  if (!start.starts_with('{') && !start.starts_with('[')) return nullptr;
  if (has_all(text, {"\"images\"", "\"file_name\""}) ||
      has_all(text, {"\"image_id\"", "\"category_id\"", "\"bbox\""})) {
    return "COCO annotations";  // results, say
  }
  if (has_any(text, {"\"bbox\"", "\"box2d\"", "\"bounding_box\"", "\"boundingBox\"",
                     "\"bounding-box\"", "\"xmin\""})) {
    return "JSON with boxes";
  }
  return nullptr;
}

const char* other_xml(std::string_view text) {
  if (has(text, "<annotations")) return "an export of CVAT (CVAT for images)";
  return has_all(text, {"<dataset", "<box"}) ? "a file of dlib's imglab" : nullptr;
}

const char* other_table(std::string_view text) {
  const std::string start = lower(text.substr(0, 4096));
  for (const char* word : {"xmin", "x_min", "bbox", "region_shape_attributes", "x_center"}) {
    if (has(start, word)) return "a table of boxes (CSV)";
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
    if (image && numbers >= 4) return "a table of boxes (CSV)";
  }
  return nullptr;
}

const char* other_lines(std::string_view text) {
  const bool boxes =
      has_any(text, {"\"bbox\"", "\"bounding-box\"", "\"bounding_box\"", "\"boundingBox\"",
                     "\"data_row\"", "\"annotations\"", "\"boxes\""});
  return boxes ? "JSON lines with boxes" : nullptr;
}

const char* other_file(std::string_view extension, std::string_view text) {
  if (extension == ".json") return other_json(text);
  if (extension == ".xml") return other_xml(text);
  if (extension == ".csv" || extension == ".tsv") return other_table(text);
  if (extension == ".txt") return is_image_list(text) ? kListOfImages : nullptr;
  // A manifest of a labelling job, a dataset's metadata.
  const bool is_lines = extension == ".jsonl" || extension == ".ndjson" || extension == ".manifest";
  if (is_lines) return other_lines(text);
  if (extension == ".tfrecord" || extension == ".record") return "a TFRecord file";
  return nullptr;
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
  if (const char* tool = other_tool(extension, text)) return FileKind{tool};
  if (auto kind = kind_of_format(extension, text, false)) return kind;
  if (const char* other = other_file(extension, text)) return FileKind{other};
  return std::nullopt;
}

std::optional<FileKind> kind_of_label(std::string_view extension, std::string_view text) {
  return kind_of_format(extension, text, true);
}

}  // namespace oko::dataset
