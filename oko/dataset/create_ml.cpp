#include "oko/dataset/create_ml.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/dataset/class_lists.h"
#include "oko/dataset/file_kind.h"
#include "oko/dataset/format.h"
#include "oko/dataset/json_lines.h"
#include "oko/dataset/split_words.h"
#include "oko/dataset/text.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

// Older files use "imagefilename" and "annotation", newer ones "imageURL".
const Json* either(const Json& object, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const auto found = object.find(name); found != object.end()) return &*found;
  }
  return nullptr;
}

// Also if written as a string.
double number(const Json& object, const char* key, const std::string& place) {
  if (const auto value = object.find(key); value != object.end() && value->is_string()) {
    if (const auto parsed = parse_number(value->get_ref<const std::string&>())) return *parsed;
  }
  return json_get<double>(object, key, place);
}

void parse_object(const Json& annotation, const std::string& place, ParsedPicture& picture,
                  std::vector<Finding>& findings) {
  ParsedObject parsed;
  parsed.class_name = json_get<std::string>(annotation, "label", place);
  const Json at = json_get<Json>(annotation, "coordinates", place);
  const double x = number(at, "x", place), y = number(at, "y", place);
  const double half_width = number(at, "width", place) / 2;
  const double half_height = number(at, "height", place) / 2;
  const auto box = usable_box({x - half_width, y - half_height, x + half_width, y + half_height},
                              place, findings);
  if (!box) return;
  parsed.box = *box;
  parsed.class_id = -1;
  parsed.place = place;
  picture.objects.push_back(std::move(parsed));
}

ParsedPicture parse_picture(const Json& entry, const std::string& place,
                            std::vector<Finding>& findings) {
  if (!entry.is_object()) throw input_error(place, "must be an object");
  const Json* name = either(entry, {"image", "imagefilename", "imageURL"});
  if (!name || !name->is_string()) throw input_error(place, "\"image\" is missing or not a string");
  ParsedPicture picture;
  picture.name = name->get<std::string>();
  picture.place = place;
  const Json* annotations = either(entry, {"annotations", "annotation"});
  if (!annotations) return picture;
  if (!annotations->is_array()) throw input_error(place, "\"annotations\" must be a list");
  for (std::size_t i = 0; i < annotations->size(); ++i) {
    const std::string object_place = fmt::format("{}.annotations[{}]", place, i);
    try {
      parse_object((*annotations)[i], object_place, picture, findings);
    } catch (const Error& e) {
      add_error(findings, "bad-annotation", e.place(), e.message(), "the box is dropped")
          .boxes_lost = 1;
    }
  }
  return picture;
}

}  // namespace

ParsedFile parse_create_ml(std::string_view text, const std::string& name) {
  const Json root = parse_json(text, name);
  if (!root.is_array()) throw input_error(name, "not a list, so not Create ML annotations");
  ParsedFile file;
  const std::vector<int> lines = element_lines(text)[""];
  for (std::size_t i = 0; i < root.size(); ++i) {
    try {
      file.pictures.push_back(parse_picture(
          root[i], fmt::format("{}:{}: [{}]", name, i < lines.size() ? lines[i] : 1, i),
          file.findings));
    } catch (const Error& e) {
      add_error(file.findings, "bad-annotation", e.place(), e.message(), "it is dropped")
          .images_lost = 1;
    }
  }
  return file;
}

bool is_create_ml(std::string_view text) {
  return trimmed(text.substr(0, 64)).starts_with('[') && !is_label_studio(text) &&
         (text.find("\"image\"") != std::string_view::npos ||
          text.find("\"imagefilename\"") != std::string_view::npos ||
          text.find("\"imageURL\"") != std::string_view::npos);
}

Source read_create_ml(const Tree& tree) {
  Source source;
  source.classes = find_class_list(tree, source.findings, false);
  std::vector<std::string> files{tree.file()};
  if (tree.file().empty()) files = tree.with_extension(".json");
  for (const std::string& path : files) {
    if (tree.file().empty() && !is_create_ml(tree.look_at(path).text())) continue;
    const Text bytes = tree.read_text(path);
    ParsedFile file = parse_create_ml(bytes.text(), path);
    source.findings.insert(source.findings.end(), file.findings.begin(), file.findings.end());
    const std::string its_split =
        tree.file().empty() ? split_of_stem(storage::stem(path)) : std::string();
    for (ParsedPicture& picture : file.pictures) {
      const std::string image = tree.find_picture(picture.name, path);
      if (image.empty()) {
        add_missing_image(
            source.findings, picture,
            fmt::format("there is no image {}{}", picture.name, tree.could_be(picture.name)));
        continue;
      }
      std::string split = its_split;
      if (split.empty()) split = tree.split_of(path);
      if (split.empty()) split = tree.split_of(image);
      source.pictures.push_back(
          {storage::stem(image), image, path, std::move(split), std::move(picture)});
    }
  }
  return source;
}

std::string create_ml_text(const std::vector<const Sample*>& samples,
                           const std::vector<std::string>& file_names,
                           const std::vector<std::string>& classes) {
  Json root = Json::array();
  for (std::size_t i = 0; i < samples.size(); ++i) {
    Json annotations = Json::array();
    for (const Object& object : samples[i]->objects) {
      if (object.crowd) continue;
      const auto left = static_cast<double>(object.box.left);
      const auto right = static_cast<double>(object.box.right);
      const auto top = static_cast<double>(object.box.top);
      const auto bottom = static_cast<double>(object.box.bottom);
      annotations.push_back({{"label", classes.at(static_cast<std::size_t>(object.class_id))},
                             {"coordinates",
                              {{"x", (left + right) / 2},
                               {"y", (top + bottom) / 2},
                               {"width", right - left},
                               {"height", bottom - top}}}});
    }
    root.push_back({{"image", file_names[i]}, {"annotations", std::move(annotations)}});
  }
  return root.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// The start of a file, which other tools' lists of images may resemble.
static bool may_be_create_ml(std::string_view start) {
  return is_create_ml(start) && start.find("\"coordinates\"") != std::string_view::npos;
}

static AnnotationFile annotations_of(const NewSplit& split, const Dataset& dataset) {
  return {storage::join(split.folder, "_annotations.createml.json"),
          create_ml_text(split.originals(), split.picture_names(), dataset.classes)};
}

const Format& createml_format() {
  static const Format format{
      .name = "createml",
      .title = "Create ML",
      .evidence = "Create ML (.json list)",
      .files = {{"Create ML annotations", {".json"}, is_create_ml, may_be_create_ml}},
      .read = [](const Tree& tree, BoxPixels) { return read_create_ml(tree); },
      .layout = {.pictures = "", .of_split = annotations_of}};
  return format;
}

}  // namespace oko::dataset
