#include "oko/dataset/keras_list.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "oko/dataset/class_lists.h"
#include "oko/dataset/format.h"
#include "oko/dataset/list_paths.h"
#include "oko/dataset/split_words.h"
#include "oko/dataset/text.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

constexpr const char* kUnsplitList = "list";

struct ListedBox {
  std::array<double, 4> edges{};
  int class_id = 0;
};

std::optional<ListedBox> parse_box(std::string_view word) {
  ListedBox box;
  for (double& edge : box.edges) {
    const auto comma = word.find(',');
    if (comma == std::string_view::npos) return std::nullopt;
    const auto value = parse_number(word.substr(0, comma));
    if (!value) return std::nullopt;
    edge = *value;
    word.remove_prefix(comma + 1);
  }
  const auto class_id = parse_number(word);  // also 1.0
  if (!class_id || std::trunc(*class_id) != *class_id || std::abs(*class_id) > 1e6) {
    return std::nullopt;
  }
  box.class_id = static_cast<int>(*class_id);
  return box;
}

// The path in front of a line's boxes.
std::string_view path_of_line(std::string_view line) {
  line = trimmed(line);
  for (;;) {
    const auto blank = line.find_last_of(" \t");
    if (blank == std::string_view::npos || !parse_box(line.substr(blank + 1))) return line;
    line = trimmed(line.substr(0, blank));
  }
}

void parse_line(std::string_view line, const std::string& place, ParsedFile& file) {
  const std::string_view path = path_of_line(line);
  if (!is_picture_extension(storage::extension(path))) {
    add_error(file.findings, "bad-annotation", place,
              fmt::format("\"{}\" is neither an image name nor a box x1,y1,x2,y2,class",
                          path.substr(path.find_last_of(" \t") + 1)),
              "the line is skipped")
        .images_lost = 1;
    return;
  }
  ParsedPicture picture;
  picture.name = path;
  picture.place = place;
  for (const std::string_view word : split_blanks(line.substr(line.find(path) + path.size()))) {
    const ListedBox listed = *parse_box(word);
    const auto box = usable_box(
        {listed.edges[0], listed.edges[1], listed.edges[2], listed.edges[3]}, place, file.findings);
    if (!box) continue;
    ParsedObject parsed;
    parsed.box = *box;
    parsed.class_id = listed.class_id;
    parsed.place = place;
    picture.objects.push_back(std::move(parsed));
  }
  file.pictures.push_back(std::move(picture));
}

}  // namespace

ParsedFile parse_keras_list(std::string_view text, const std::string& name) {
  ParsedFile file;
  int number = 0;
  for (const std::string_view line : split_lines(text)) {
    ++number;
    if (!trimmed(line).empty()) parse_line(line, fmt::format("{}:{}", name, number), file);
  }
  return file;
}

bool is_keras_list(std::string_view text) {
  for (const std::string_view line : split_lines(text.substr(0, std::size_t{1} << 16))) {
    const std::string_view whole = trimmed(line);
    if (whole.empty()) continue;
    const std::string_view path = path_of_line(line);
    if (path.size() < whole.size()) return is_picture_extension(storage::extension(path));
    if (is_picture_extension(storage::extension(path))) continue;
    // Malformed boxes also match, so that reading can name the faulty word.
    const std::string_view first = split_blanks(line).front();
    return is_picture_extension(storage::extension(first)) &&
           whole.find(',') != std::string_view::npos;
  }
  return false;
}

Source read_keras_list(const Tree& tree) {
  Source source;
  source.classes = find_class_list(tree, source.findings, true);
  std::vector<std::string> lists{tree.file()};
  if (tree.file().empty()) lists = tree.with_extension(".txt");
  for (const std::string& path : lists) {
    if (tree.file().empty() && !is_keras_list(tree.look_at(path).text())) continue;
    const std::string split = tree.file().empty() ? split_of_stem(storage::stem(path)) : "";
    ParsedFile file = parse_keras_list(tree.read_text(path).text(), path);
    source.findings.insert(source.findings.end(), file.findings.begin(), file.findings.end());
    std::vector<std::string> names;
    for (const ParsedPicture& picture : file.pictures) names.push_back(picture.name);
    const ListPaths paths(tree, storage::parent(path), names);
    for (ParsedPicture& picture : file.pictures) {
      std::string image = paths.find(picture.name);
      if (image.empty() && picture.name.starts_with('/')) {
        image = spelled_on_disk("", picture.name);
        if (!storage::exists(image)) image.clear();
      }
      if (image.empty()) {
        add_missing_image(source.findings, picture,
                          fmt::format("there is no image {}", picture.name));
        continue;
      }
      source.pictures.push_back({storage::stem(image), image, path, split, std::move(picture)});
    }
  }
  if (source.classes.empty()) {
    add_warning(source.findings, "no-class-list", tree.root(),
                "the list has class numbers, but there is no class list next to it",
                "give it with --classes FILE");
  }
  return source;
}

std::string keras_list_text(const std::vector<const Sample*>& samples,
                            const std::vector<std::string>& paths) {
  std::string text;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    text += paths[i];
    for (const Object& object : samples[i]->objects) {
      if (object.crowd) continue;
      const PixelBox box = whole_pixels(object.box, samples[i]->size);
      text +=
          fmt::format(" {},{},{},{},{}", box.left, box.top, box.right, box.bottom, object.class_id);
    }
    text += "\n";
  }
  return text;
}

static AnnotationFile list_of(const NewSplit& split, const Dataset&) {
  return {(split.name.empty() ? kUnsplitList : split.name) + std::string(".txt"),
          keras_list_text(split.originals(), split.picture_paths())};
}

const Format& keras_format() {
  static const Format format{
      .name = "keras",
      .title = "Keras list",
      .evidence = "a Keras train list (.txt: path x1,y1,x2,y2,class)",
      .files = {{.name = "a Keras train list",
                 .extensions = {".txt"},
                 .matches = is_keras_list,
                 .is_certain = false}},
      .read = [](const Tree& tree, BoxPixels) { return read_keras_list(tree); },
      .is_numbered = true,
      .holds = {.edges = Holds::Edges::kPixels},
      // Other readers of a list end a path at the first blank.
      .layout = {.unsplit = kUnsplitList, .holds_blanks = false, .of_split = list_of}};
  return format;
}

}  // namespace oko::dataset
