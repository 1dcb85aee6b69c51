#include "oko/dataset/coco.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>

#include "oko/base/error.h"
#include "oko/base/repetitive_json.h"
#include "oko/dataset/format.h"
#include "oko/dataset/json_lines.h"
#include "oko/dataset/split_words.h"
#include "oko/dataset/text.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

constexpr const char* kOtherTasks[]{"captions", "person_keypoints", "stuff", "panoptic"};

// A number, also if written as a string; nothing for anything else.
std::optional<double> number_of(const Json& value) {
  if (value.is_number()) return value.get<double>();
  return value.is_string() ? parse_number(value.get_ref<const std::string&>()) : std::nullopt;
}

class CocoParser {
 public:
  CocoParser(std::string_view text, const std::string& name)
      : name_(name), lines_(element_lines(text)), root_(parsed(text)) {}

  ParsedFile parse() {
    read_categories();
    read_writer();
    each("images", [&](const Json& image, const std::string& place) { add_image(image, place); });
    each("annotations",
         [&](const Json& annotation, const std::string& place) { add_object(annotation, place); });
    drop_doubled_images();
    if (!odd_.empty()) {
      add_warning(file_.findings, "odd-number", odd_,
                  "ids, sizes or boxes are not plain numbers (the first is here)",
                  "they are read by value");
    }
    return std::move(file_);
  }

 private:
  // Python's NaN is not JSON, but pycocotools reads it; of duplicate names it uses the last.
  Json parsed(std::string_view text) {
    int nans = 0, repeats = 0;
    std::string plain;
    if (text.find("NaN") != std::string_view::npos ||
        text.find("Infinity") != std::string_view::npos) {
      plain = without_nan(text, nans);
      text = plain;
    }
    Json root = parse_repetitive_json(text, name_, "segmentation", repeats);
    if (nans > 0) {
      add_warning(file_.findings, "odd-number", name_,
                  fmt::format("{} values are NaN or Infinity, which JSON does not allow", nans),
                  "they are read as missing");
    }
    if (repeats > 0) {
      add_warning(file_.findings, "repeated-name", name_,
                  fmt::format("{} object members appear twice", repeats), "the last one is used");
    }
    return root;
  }

  // Label Studio writes the stored size of an image that EXIF rotates, but upright boxes.
  void read_writer() {
    const auto info = root_.find("info");
    if (info == root_.end() || !info->is_object()) return;
    const auto writer = info->find("contributor");
    boxes_upright_ = writer != info->end() && *writer == "Label Studio";
  }

  void read_categories() {
    if (root_.is_object() && !root_.contains("categories")) {
      add_warning(file_.findings, "no-class-list", name_, "there is no list \"categories\"",
                  "classes are named by their numbers");
      return;
    }
    std::vector<std::pair<double, std::string>> ordered;
    each("categories", [&](const Json& category, const std::string& place) {
      const std::string id = key_of(category, "id", place);
      const auto name = json_get<std::string>(category, "name", place);
      if (const auto [first, is_new] = categories_.emplace(id, name); !is_new) {
        if (first->second != name) doubled_categories_.insert(id);
        throw input_error(place, fmt::format("category id {} appears twice", id));
      }
      ordered.emplace_back(number_of(category.at("id")).value_or(0), name);
    });
    std::stable_sort(ordered.begin(), ordered.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [id, name] : ordered) {
      if (std::find(file_.classes.begin(), file_.classes.end(), name) != file_.classes.end()) {
        add_error(file_.findings, "ambiguous-class", name_,
                  fmt::format("two categories are named \"{}\"", name));
      } else {
        file_.classes.push_back(name);
      }
    }
  }

  std::string place_of(const char* key, std::size_t index) const {
    const auto list = lines_.find(key);
    const bool known = list != lines_.end() && index < list->second.size();
    return fmt::format("{}:{}: {}[{}]", name_, known ? list->second[index] : 1, key, index);
  }

  // Calls body(element, place) for each element of a list; an Error in one is reported and it is
  // dropped.
  template <typename Body>
  void each(const char* key, Body body) {
    const auto list = root_.find(key);
    if (!root_.is_object() || list == root_.end() || !list->is_array()) {
      throw input_error(name_, fmt::format("no list \"{}\": not a COCO instances file", key));
    }
    for (std::size_t i = 0; i < list->size(); ++i) {
      const std::string place = place_of(key, i);
      try {
        body((*list)[i], place);
      } catch (const Error& e) {
        Finding& finding =
            add_error(file_.findings, "bad-annotation", e.place(), e.message(), "it is dropped");
        const std::string_view list_name = key;
        finding.images_lost = list_name == "images" ? 1 : 0;
        finding.boxes_lost = list_name == "annotations" ? 1 : 0;
      }
    }
  }

  void odd(const std::string& place) {
    if (odd_.empty()) odd_ = place;
  }

  // A side of an image; 0 if it is missing.
  int side(const Json& image, const char* key, const std::string& place) {
    const auto value = image.find(key);
    if (value == image.end() || value->is_null()) return 0;
    const auto number = number_of(*value);
    if (!number || !(*number >= 0 && *number <= 1e6) || std::trunc(*number) != *number) {
      add_warning(file_.findings, "bad-size", place, fmt::format("\"{}\" is not a size", key),
                  "the image's own size is used");
      return 0;
    }
    if (!value->is_number()) odd(place);
    return static_cast<int>(*number);
  }

  // If "file_name" is missing, the URL that the image was downloaded from contains it.
  std::string file_name_of(const Json& image, const std::string& place) {
    if (image.is_object() && !image.contains("file_name")) {
      for (const char* key : {"coco_url", "flickr_url"}) {
        const auto url = image.find(key);
        if (url == image.end() || !url->is_string()) continue;
        const auto& text = url->get_ref<const std::string&>();
        add_warning(file_.findings, "no-file-name", place,
                    fmt::format("\"file_name\" is missing; \"{}\" is {}", key, text),
                    "its last part is used as the name");
        return text.substr(text.rfind('/') + 1);
      }
    }
    return json_get<std::string>(image, "file_name", place);
  }

  void add_image(const Json& image, const std::string& place) {
    ParsedPicture picture;
    picture.place = place;
    picture.name = file_name_of(image, place);
    picture.size = {side(image, "width", place), side(image, "height", place)};
    picture.boxes_upright = boxes_upright_;
    const std::string id = key_of(image, "id", place);
    if (const auto [first, is_new] = images_.emplace(id, file_.pictures.size()); !is_new) {
      const ParsedPicture& other = file_.pictures[first->second];
      if (picture.name == other.name) {
        add_warning(file_.findings, "duplicate-entry", place,
                    fmt::format("image id {} is listed again (first at {})", id, other.place),
                    "the entries become one");
        return;
      }
      add_error(file_.findings, "bad-annotation", place,
                fmt::format("image id {} is also that of {}: nothing says whose its boxes are", id,
                            other.name),
                "both images are left out with the boxes")
          .images_lost = doubled_images_.contains(id) ? 1 : 2;
      doubled_images_.try_emplace(id, file_.findings.size() - 1);
      return;
    }
    file_.pictures.push_back(std::move(picture));
  }

  // Images of one id, of which nothing says which one boxes belong to.
  void drop_doubled_images() {
    std::set<std::size_t, std::greater<>> gone;
    for (const auto& [id, finding] : doubled_images_) {
      const std::size_t index = images_.at(id);
      file_.findings[finding].boxes_lost = static_cast<int>(file_.pictures[index].objects.size());
      gone.insert(index);
    }
    for (const std::size_t index : gone) {
      file_.pictures.erase(file_.pictures.begin() + static_cast<std::ptrdiff_t>(index));
    }
  }

  // Ids should be numbers; 1.0, "1" and other strings occur. Equal numbers are the same id, and a
  // text that is written like one; "01" is another.
  std::string key_of(const Json& object, const char* key, const std::string& place) {
    const Json id = json_get<Json>(object, key, place);
    if (id.is_number_integer()) return id.dump();
    const auto number = number_of(id);
    if (number && std::trunc(*number) == *number && std::abs(*number) < 9e15) {
      const std::string plain = std::to_string(static_cast<std::int64_t>(*number));
      if (!id.is_string() || id == plain) {
        odd(place);
        return plain;
      }
    }
    if (!id.is_string()) {
      throw input_error(place, fmt::format("\"{}\" must be an integer", key));
    }
    return id.dump(-1, ' ', true, Json::error_handler_t::replace);
  }

  // The name of an annotation's category; "" after reporting that there is none.
  std::string class_of(const Json& annotation, const std::string& place) {
    const std::string id = key_of(annotation, "category_id", place);
    if (!root_.contains("categories")) return "category " + id;
    const auto category = categories_.find(id);
    const bool doubled = doubled_categories_.contains(id);
    if (category != categories_.end() && !doubled) return category->second;
    add_error(file_.findings, "unknown-class", place,
              doubled ? fmt::format("category {} has two names", id)
                      : fmt::format("category {} is not in \"categories\"", id),
              "the box is dropped")
        .boxes_lost = 1;
    return "";
  }

  // x, y, width, height.
  std::optional<std::array<double, 4>> edges_of(const Json& annotation, const std::string& place) {
    const Json list = json_get<Json>(annotation, "bbox", place);
    std::array<double, 4> edges{};
    bool four = list.is_array() && list.size() == 4;
    for (std::size_t i = 0; four && i < 4; ++i) {
      const auto number = number_of(list[i]);
      four = number.has_value();
      edges[i] = number.value_or(0);
      if (four && !list[i].is_number()) odd(place);
    }
    if (four) return edges;
    add_error(file_.findings, "no-box", place, "\"bbox\" is not a list of four numbers",
              "it is dropped")
        .boxes_lost = 1;
    return std::nullopt;
  }

  void add_object(const Json& annotation, const std::string& place) {
    const std::string image_id = key_of(annotation, "image_id", place);
    const auto image = images_.find(image_id);
    if (image == images_.end()) {
      throw input_error(place, fmt::format("there is no image {}", image_id));
    }
    ParsedObject parsed;
    parsed.class_name = class_of(annotation, place);
    if (parsed.class_name.empty()) return;
    const auto edges = edges_of(annotation, place);
    if (!edges) return;
    const auto [x, y, width, height] = *edges;
    const auto box = usable_box({x, y, x + width, y + height}, place, file_.findings);
    if (!box) return;
    parsed.box = *box;
    parsed.class_id = -1;
    parsed.difficult = flag(annotation, "ignore");
    parsed.crowd = flag(annotation, "iscrowd");
    parsed.place = place;
    file_.pictures[image->second].objects.push_back(std::move(parsed));
  }

  // 0, 1, "0", true, false and null all occur.
  static bool flag(const Json& object, const char* key) {
    const auto value = object.find(key);
    if (value == object.end()) return false;
    return value->is_boolean() ? value->get<bool>() : number_of(*value).value_or(0) != 0;
  }

  const std::string& name_;
  ParsedFile file_;
  std::map<std::string, std::vector<int>> lines_;
  Json root_;
  std::map<std::string, std::string> categories_;  // names by id
  std::set<std::string> doubled_categories_;       // ids of several names
  std::unordered_map<std::string, std::size_t> images_;
  // Ids of several images, with the finding that counts their boxes.
  std::map<std::string, std::size_t> doubled_images_;
  bool boxes_upright_ = false;
  std::string odd_;  // where the first number that is not a plain one is
};

// In COCO's own downloads the instances_* files have the boxes; captions or keypoints of the same
// images are not read.
bool is_for_other_task(const std::string& path) {
  const std::string name = storage::filename(path);
  return std::any_of(std::begin(kOtherTasks), std::end(kOtherTasks),
                     [&](const char* task) { return name.starts_with(task); });
}

std::vector<std::string> coco_files(const Tree& tree, std::vector<Finding>& findings) {
  if (!tree.file().empty()) return {tree.file()};
  std::vector<std::string> files;
  bool instances = false;
  for (const std::string& path : tree.with_extension(".json")) {
    if (!is_coco(tree.look_at(path).text())) continue;
    files.push_back(path);
    instances = instances || storage::filename(path).starts_with("instances");
  }
  if (!instances) return files;
  std::erase_if(files, [&](const std::string& path) {
    if (!is_for_other_task(path)) return false;
    tree.set_aside(path);
    add_note(findings, "annotation-ignored", path,
             "is for another task; boxes are read from instances_*.json");
    return true;
  });
  return files;
}

// Of "instances_train2017.json" or "train/_annotations.coco.json".
std::string split_of_file(const Tree& tree, const std::string& path) {
  const std::string split = split_of_stem(storage::stem(path));
  return split.empty() ? tree.split_of(path) : split;
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
  for (const std::string& path : coco_files(tree, source.findings)) {
    ParsedFile file = parse_coco(tree.read_text(path).text(), path);
    const std::string its_split = split_of_file(tree, path);
    source.findings.insert(source.findings.end(), file.findings.begin(), file.findings.end());
    for (const std::string& name : file.classes) {
      if (std::find(source.classes.begin(), source.classes.end(), name) == source.classes.end()) {
        source.classes.push_back(name);
      }
    }
    for (ParsedPicture& picture : file.pictures) {
      const std::string image = tree.find_picture(picture.name, path, its_split);
      if (image.empty()) {
        add_missing_image(
            source.findings, picture,
            fmt::format("there is no image {}{}", picture.name, tree.could_be(picture.name)));
        continue;
      }
      std::string split = its_split.empty()     ? tree.split_of(image)
                          : tree.file().empty() ? its_split
                                                : "";  // a single file is not a split
      source.pictures.push_back(
          {storage::stem(image), image, path, std::move(split), std::move(picture)});
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

// Of a file whose end is not known.
static bool may_be_coco(std::string_view start) {
  const auto has = [&](const char* key) { return start.find(key) != std::string_view::npos; };
  return is_coco(start) || (trimmed(start.substr(0, 64)).starts_with('{') &&
                            ((has("\"images\"") && has("\"file_name\"")) ||
                             (has("\"image_id\"") && has("\"category_id\"") && has("\"bbox\""))));
}

static AnnotationFile instances_of(const NewSplit& split, const Dataset& dataset) {
  const std::string name = split.name.empty() ? "instances" : "instances_" + split.name;
  return {"annotations/" + name + ".json",
          coco_text(split.originals(), split.picture_names(), dataset.classes)};
}

const Format& coco_format() {
  static const Format format{
      .name = "coco",
      .title = "COCO",
      .evidence = "COCO (.json with \"images\" and \"annotations\")",
      .files = {{"COCO annotations", {".json"}, is_coco, may_be_coco}},
      .read = [](const Tree& tree, BoxPixels) { return read_coco(tree); },
      .holds = {.crowds = true, .difficult = true, .sizes = true},
      .layout = {.class_list = nullptr, .holds_blank_classes = true, .of_split = instances_of}};
  return format;
}

}  // namespace oko::dataset
