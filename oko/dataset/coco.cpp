#include "oko/dataset/coco.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

class CocoParser {
 public:
  CocoParser(std::string_view text, const std::string& name)
      : name_(name), root_(parse_json(text, name, "segmentation")) {}

  ParsedFile parse() {
    each("categories", [&](const Json& category, const std::string& place) {
      const auto id = json_get<std::int64_t>(category, "id", place);
      if (!categories_.emplace(id, json_get<std::string>(category, "name", place)).second) {
        throw input_error(place, fmt::format("category id {} is there twice", id));
      }
    });
    for (const auto& [id, name] : categories_) {
      if (std::find(file_.classes.begin(), file_.classes.end(), name) != file_.classes.end()) {
        add_error(file_.findings, "ambiguous-class", name_,
                  fmt::format("two categories are called \"{}\"", name));
      } else {
        file_.classes.push_back(name);
      }
    }
    each("images", [&](const Json& image, const std::string& place) { add_image(image, place); });
    each("annotations",
         [&](const Json& annotation, const std::string& place) { add_object(annotation, place); });
    return std::move(file_);
  }

 private:
  // Calls body(element, place) for each element of a list; an Error in one is told and it is left
  // out.
  template <typename Body>
  void each(const char* key, Body body) {
    const auto list = root_.find(key);
    if (!root_.is_object() || list == root_.end() || !list->is_array()) {
      throw input_error(name_, fmt::format("no list \"{}\": not a COCO instances file", key));
    }
    for (std::size_t i = 0; i < list->size(); ++i) {
      const std::string place = fmt::format("{}: {}[{}]", name_, key, i);
      try {
        body((*list)[i], place);
      } catch (const Error& e) {
        add_error(file_.findings, "bad-annotation", e.place(), e.message(), "it is left out");
      }
    }
  }

  void add_image(const Json& image, const std::string& place) {
    ParsedPicture picture;
    picture.place = place;
    picture.name = json_get<std::string>(image, "file_name", place);
    picture.size = {json_get_or<int>(image, "width", 0, place),
                    json_get_or<int>(image, "height", 0, place)};
    const std::string id = key_of(image, "id", place);
    if (!images_.emplace(id, file_.pictures.size()).second) {
      throw input_error(place, fmt::format("image id {} is there twice", id));
    }
    file_.pictures.push_back(std::move(picture));
  }

  // Ids are numbers by the book, but strings occur.
  static std::string key_of(const Json& object, const char* key, const std::string& place) {
    const Json id = json_get<Json>(object, key, place);
    if (!id.is_number_integer() && !id.is_string()) {
      throw input_error(place, fmt::format("\"{}\" must be a whole number", key));
    }
    return id.dump(-1, ' ', true, Json::error_handler_t::replace);
  }

  void add_object(const Json& annotation, const std::string& place) {
    const auto image = images_.find(key_of(annotation, "image_id", place));
    if (image == images_.end()) {
      throw input_error(place,
                        fmt::format("there is no image {}", key_of(annotation, "image_id", place)));
    }
    const auto category =
        categories_.find(json_get<std::int64_t>(annotation, "category_id", place));
    if (category == categories_.end()) {
      add_error(file_.findings, "unknown-class", place,
                fmt::format("category {} is not in \"categories\"",
                            annotation.at("category_id").get<std::int64_t>()),
                "the box is left out");
      return;
    }
    const Json edges = json_get<Json>(annotation, "bbox", place);
    const bool four = edges.is_array() && edges.size() == 4 &&
                      std::all_of(edges.begin(), edges.end(),
                                  [](const Json& value) { return value.is_number(); });
    if (!four) {
      add_error(file_.findings, "no-box", place, "\"bbox\" is not a list of four numbers",
                "it is left out");
      return;
    }
    const double x = edges[0].get<double>(), y = edges[1].get<double>();
    const auto box = usable_box({x, y, x + edges[2].get<double>(), y + edges[3].get<double>()},
                                place, file_.findings);
    if (!box) return;
    ParsedObject parsed;
    parsed.class_name = category->second;
    parsed.object = {*box,  -1,   flag(annotation, "ignore"), flag(annotation, "iscrowd"),
                     false, place};
    file_.pictures[image->second].objects.push_back(std::move(parsed));
  }

  // 0, 1, true and false all occur.
  static bool flag(const Json& object, const char* key) {
    const auto value = object.find(key);
    if (value == object.end()) return false;
    return value->is_boolean() ? value->get<bool>()
                               : value->is_number() && value->get<double>() != 0;
  }

  const std::string& name_;
  Json root_;
  std::map<std::int64_t, std::string> categories_;
  std::unordered_map<std::string, std::size_t> images_;
  ParsedFile file_;
};

std::vector<std::string> coco_files(const Tree& tree) {
  if (!tree.file().empty()) return {tree.file()};
  std::vector<std::string> files;
  bool instances = false;
  for (const std::string& path : tree.with_extension(".json")) {
    if (!is_coco(tree.read_text(path).text())) continue;
    files.push_back(path);
    instances = instances || storage::filename(path).starts_with("instances");
  }
  if (instances) {
    std::erase_if(files, [](const std::string& path) {
      return !storage::filename(path).starts_with("instances");
    });
  }
  return files;
}

// Of "instances_train2017.json" or "train/_annotations.coco.json". One file alone is no split.
std::string split_of_file(const Tree& tree, const std::string& path) {
  if (!tree.file().empty()) return "";
  const std::string stem = storage::stem(path);
  const std::string split = split_named(stem.substr(stem.find_last_of("_-") + 1));
  return split.empty() ? split_of_path(path) : split;
}

}  // namespace

ParsedFile parse_coco(std::string_view text, const std::string& name) {
  return CocoParser(text, name).parse();
}

bool is_coco(std::string_view text) {
  const std::string_view start = trimmed(text.substr(0, 64));
  return start.starts_with('{') && text.find("\"images\"") != std::string_view::npos &&
         text.find("\"annotations\"") != std::string_view::npos;
}

Source read_coco(const Tree& tree) {
  Source source;
  source.format = "coco";
  for (const std::string& path : coco_files(tree)) {
    ParsedFile file = parse_coco(tree.read_text(path).text(), path);
    const std::string split = split_of_file(tree, path);
    source.findings.insert(source.findings.end(), file.findings.begin(), file.findings.end());
    for (const std::string& name : file.classes) {
      if (std::find(source.classes.begin(), source.classes.end(), name) == source.classes.end()) {
        source.classes.push_back(name);
      }
    }
    for (ParsedPicture& picture : file.pictures) {
      const std::string written = normal_path(picture.name);
      std::string image = tree.find_path(written, storage::parent(path));
      if (image.empty() || (!split.empty() && split_of_path(image) != split)) {
        const std::string nearer =
            tree.find_picture(storage::stem(written), path, storage::filename(written), split);
        if (!nearer.empty()) image = nearer;
      }
      if (image.empty()) {
        add_error(source.findings, "missing-image", picture.place,
                  fmt::format("there is no picture {}", picture.name), "it is left out");
        continue;
      }
      source.pictures.push_back({storage::stem(image), image, path, split, std::move(picture)});
    }
  }
  return source;
}

std::string coco_text(const std::vector<const Sample*>& samples,
                      const std::vector<std::string>& file_names,
                      const std::vector<std::string>& classes) {
  Json images = Json::array(), annotations = Json::array(), categories = Json::array();
  for (std::size_t i = 0; i < classes.size(); ++i) {
    categories.push_back({{"id", i + 1}, {"name", classes[i]}});
  }
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Sample& sample = *samples[i];
    images.push_back({{"id", i + 1},
                      {"file_name", file_names[i]},
                      {"width", sample.size.width},
                      {"height", sample.size.height}});
    for (const Object& object : sample.objects) {
      const auto left = static_cast<double>(object.box.left);
      const auto top = static_cast<double>(object.box.top);
      // Differences of floats are exact in double, so that reading gives the same edges.
      const double width = static_cast<double>(object.box.right) - left;
      const double height = static_cast<double>(object.box.bottom) - top;
      Json annotation{{"id", annotations.size() + 1},
                      {"image_id", i + 1},
                      {"category_id", object.class_id + 1},
                      {"bbox", {left, top, width, height}},
                      {"area", width * height},
                      {"iscrowd", object.crowd ? 1 : 0}};
      if (object.difficult) annotation["ignore"] = 1;
      annotations.push_back(std::move(annotation));
    }
  }
  Json root{{"images", std::move(images)},
            {"annotations", std::move(annotations)},
            {"categories", std::move(categories)}};
  return root.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace oko::dataset
