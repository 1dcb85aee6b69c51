#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "oko/base/error.h"
#include "oko/dataset/class_lists.h"
#include "oko/dataset/format.h"
#include "oko/dataset/split_words.h"
#include "oko/dataset/text.h"
#include "oko/dataset/unicode.h"
#include "oko/dataset/voc.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

bool in_annotations_folder(const std::string& path) {
  const auto folders = folders_of(path);
  return std::ranges::any_of(folders, is_annotations_folder);
}

// If there are folders named Annotations, the .xml files in them; those elsewhere may be older
// copies and are reported as not read.
std::vector<std::string> annotation_files(const Tree& tree) {
  std::vector<std::string> files = tree.with_extension(".xml");
  if (std::any_of(files.begin(), files.end(), in_annotations_folder)) {
    std::erase_if(files, [](const std::string& path) { return !in_annotations_folder(path); });
  }
  return files;
}

// The folder that holds Annotations, JPEGImages and ImageSets: "" or "VOC2007/".
std::string base_of(const std::string& path) {
  std::size_t start = 0;
  for (const std::string_view folder : folders_of(path)) {
    if (is_annotations_folder(folder)) return path.substr(0, start);
    start += folder.size() + 1;
  }
  return path.substr(0, start);
}

// A split list ImageSets/Main/<split>.txt, or one of a single class (dog_train.txt).
struct SplitList {
  std::string path, base, split;
  bool of_class = false;
};

bool in_image_sets(const std::string& path) {
  const std::string folder = storage::parent(path), name = storage::filename(folder);
  return name == "ImageSets" || storage::filename(storage::parent(folder)) == "ImageSets";
}

// Lists for other tasks (ImageSets/Segmentation) are not for boxes.
bool is_for_boxes(const std::string& path) {
  const std::string name = storage::filename(storage::parent(path));
  return name == "Main" || name == "ImageSets";
}

// The lists that define the splits: of whole sets, else, as VoTT writes them, of all single
// classes, for each base. The rest is skipped or reported.
std::vector<SplitList> split_lists(const Tree& tree, std::vector<Finding>& findings) {
  std::vector<SplitList> lists;
  std::vector<std::pair<std::string, std::string>> others;  // base, path
  std::set<std::string> with_list, with_train;              // bases
  for (const std::string& path : tree.with_extension(".txt")) {
    if (!in_image_sets(path)) continue;
    const std::string base = path.substr(0, path.rfind("ImageSets/"));
    const std::string stem = storage::stem(path);
    const std::string last = lower(stem.substr(stem.find_last_of('_') + 1));
    const std::string split = last == "trainval" ? last : split_named(last);
    if (!is_for_boxes(path)) {
      others.emplace_back(base, path);
      continue;
    }
    if (split.empty()) {
      add_warning(findings, "annotation-ignored", path, "is a list that is not named like a split");
    } else {
      lists.push_back({path, base, split, last.size() < stem.size()});
      if (!lists.back().of_class) with_list.insert(base);
    }
    tree.set_aside(path);
  }
  std::erase_if(
      lists, [&](const SplitList& list) { return list.of_class && with_list.contains(list.base); });
  for (const SplitList& list : lists) {
    if (list.split == "train" || list.split == "val") with_train.insert(list.base);
  }
  for (const auto& [base, path] : others) {
    if (with_list.contains(base)) tree.set_aside(path);
  }
  std::erase_if(lists, [&](SplitList& list) {
    if (list.split != "trainval") return false;
    list.split = "train";
    return with_train.contains(list.base);
  });
  return lists;
}

class VocReader {
 public:
  explicit VocReader(const Tree& tree) : tree_(tree) {}

  Source read() {
    source_.classes = find_class_list(tree_, source_.findings, false);
    const std::vector<std::string> annotations = annotation_files(tree_);
    tree_.read_ahead(annotations);
    for (const std::string& path : annotations) read_annotation(path);
    add_bare_pictures();
    apply_splits();
    return std::move(source_);
  }

 private:
  void read_annotation(const std::string& path) {
    ParsedFile parsed;
    try {
      parsed = parse_voc(tree_.read_text(path).text(), path);
    } catch (const Error& e) {
      add_error(source_.findings, "bad-annotation", e.place(), e.message(), "the image is dropped")
          .images_lost = 1;
      mark_used(tree_.find_picture(id_of(path), path));
      return;
    }
    for (Finding& finding : parsed.findings) {
      if (finding.kind == "zero-based" && !zero_based_told_.insert(finding.kind).second) continue;
      source_.findings.push_back(std::move(finding));
    }
    ParsedPicture& picture = parsed.pictures.at(0);
    SourcePicture found{storage::stem(path), {}, path, tree_.split_of(path), {}};
    find_picture(picture, found);
    if (found.image.empty()) {
      add_missing_image(source_.findings, picture,
                        fmt::format("no image \"{}\" with any known extension, nor \"{}\"{}",
                                    id_of(path), picture.name, tree_.could_be(id_of(path))));
      return;
    }
    mark_used(found.image);
    found.parsed = std::move(picture);
    source_.pictures.push_back(std::move(found));
  }

  // Its name in split lists: the path below the annotation folder, without extension.
  static std::string id_of(const std::string& path) {
    std::string_view rest = path;
    for (const std::string_view folder : folders_of(path)) {
      const auto end = static_cast<std::size_t>(folder.data() + folder.size() - path.data()) + 1;
      if (is_annotations_folder(folder)) rest = std::string_view(path).substr(end);
    }
    if (rest.size() == path.size()) return storage::stem(path);
    return std::string(rest.substr(0, rest.size() - storage::extension(path).size()));
  }

  // By the annotation's own name first: tools rename files without touching <filename>.
  void find_picture(const ParsedPicture& picture, SourcePicture& found) {
    const std::string& path = found.annotation;
    const std::string name = picture.name.substr(picture.name.find_last_of("/\\") + 1);
    const std::string id = id_of(path), extension = storage::extension(name);
    found.written = is_picture_extension(extension) ? id + extension : id;
    found.image = tree_.find_picture(found.written, path);
    if (found.image.empty()) {
      found.written = picture.name;
      found.second_choice = true;
      found.image = tree_.find_picture(picture.name, path);
      if (in_another_folder(found.image, id)) found.image.clear();
    } else if (!name.empty() && name != storage::stem(path) &&
               storage::stem(name) != storage::stem(path)) {
      add_note(source_.findings, "filename-mismatch", picture.place,
               fmt::format("<filename> is {}, but the image used is {}", name, found.image),
               "the name is corrected");
    }
  }

  // Annotations/cam1/7.xml is not of JPEGImages/cam2/7.jpg, whatever <filename> says; of
  // JPEGImages/7.jpg it may be.
  static bool in_another_folder(const std::string& image, const std::string& id) {
    const std::string own = storage::filename(storage::parent(id));
    const std::string there = storage::filename(storage::parent(image));
    return !image.empty() && !own.empty() && !is_usual_folder(there) && there != own;
  }

  void mark_used(const std::string& image) {
    used_.insert(image);
    folders_.insert(storage::parent(image));
  }

  // Images without annotation among annotated ones are backgrounds.
  void add_bare_pictures() {
    for (const std::string& image : tree_.pictures()) {
      if (used_.contains(image) || !folders_.contains(storage::parent(image))) continue;
      add_note(source_.findings, "no-annotation", image, "treated as a background image");
      source_.pictures.push_back({storage::stem(image), image, "", tree_.split_of(image), {}});
    }
  }

  // Also for an image without annotation: the base of JPEGImages/x.jpg is the path before that
  // folder.
  static std::string base_of_picture(const SourcePicture& picture) {
    if (!picture.annotation.empty()) return base_of(picture.annotation);
    const std::string folder = storage::parent(picture.image);
    return folder.substr(0, folder.size() - storage::filename(folder).size());
  }

  // The image names a list's line may mean: the whole line, without the number after it in class
  // lists, and both without an image extension.
  static std::vector<std::string> ids_of_line(std::string_view line) {
    std::vector<std::string> ids{std::string(trimmed(line)),
                                 std::string(split_blanks(line).front())};
    if (const auto words = split_blanks(line); words.size() > 1 && parse_int(words.back())) {
      ids.emplace_back(trimmed(line.substr(0, line.rfind(words.back()))));
    }
    for (std::size_t i = 0, count = ids.size(); i < count; ++i) {
      const std::string ending = storage::extension(ids[i]);
      if (!is_picture_extension(ending)) continue;
      ids.push_back(ids[i].substr(0, ids[i].size() - ending.size()));
    }
    return ids;
  }

  void apply_splits() {
    const std::vector<SplitList> lists = split_lists(tree_, source_.findings);
    if (lists.empty()) return;
    std::map<std::pair<std::string, std::string>, SourcePicture*> by_id;
    for (SourcePicture& picture : source_.pictures) {
      picture.split.clear();
      const std::string base = base_of_picture(picture);
      const auto [at, is_new] = by_id.try_emplace({base, picture.id}, &picture);
      if (!is_new) at->second = nullptr;  // ambiguous name: only the whole path is unique
      const std::string id = picture.annotation.empty() ? "" : id_of(picture.annotation);
      if (!id.empty() && id != picture.id) by_id[{base, id}] = &picture;
    }
    for (const SplitList& list : lists) {
      int line = 0;
      const Text text = tree_.read_text(list.path);
      for (const std::string_view written : split_lines(text.text())) {
        ++line;
        if (trimmed(written).empty()) continue;
        const std::string place = fmt::format("{}:{}", list.path, line);
        auto found = by_id.end();
        for (const std::string& raw : {std::string(written), composed(written)}) {
          for (const std::string& id : ids_of_line(raw)) {
            if (found == by_id.end()) found = by_id.find({list.base, id});
          }
        }
        if (found == by_id.end() || found->second == nullptr) {
          add_warning(source_.findings, "unknown-split-id", place,
                      fmt::format("no image has the id \"{}\"", trimmed(written)),
                      "it is dropped from the list");
        } else {
          assign(*found->second, list.split, place);
        }
      }
    }
    for (const SourcePicture& picture : source_.pictures) {
      if (!picture.split.empty()) continue;
      add_note(source_.findings, "in-no-split",
               picture.annotation.empty() ? picture.image : picture.annotation,
               fmt::format("\"{}\" is in none of the split lists", picture.id));
    }
  }

  // An id in two lists must not be trained on: test takes precedence over val, val over train.
  void assign(SourcePicture& picture, const std::string& split, const std::string& place) {
    if (picture.split.empty() || picture.split == split) {
      picture.split = split;
      return;
    }
    const bool moves = picture.split == "train" || split == "test";
    const std::string kept = moves ? split : picture.split;
    add_warning(source_.findings, "two-splits", place,
                fmt::format("\"{}\" is in {} and in {}", picture.id, picture.split, split),
                fmt::format("it is kept in {} only", kept));
    picture.split = kept;
  }

  const Tree& tree_;
  Source source_;
  std::set<std::string> used_, folders_, zero_based_told_;
};

}  // namespace

Source read_voc(const Tree& tree) { return VocReader(tree).read(); }

static AnnotationFile annotation_of(const NewSample& sample, const Dataset& dataset) {
  return {"Annotations/" + sample.name + ".xml",
          voc_text(*sample.sample, dataset.classes, storage::filename(sample.picture))};
}

static AnnotationFile list_of(const NewSplit& split, const Dataset&) {
  if (split.name.empty()) return {};
  std::string list;
  for (const NewSample& sample : split.samples) list += sample.name + "\n";
  return {"ImageSets/Main/" + split.name + ".txt", list};
}

const Format& voc_format() {
  static const Format format{.name = "voc",
                             .title = "VOC",
                             .evidence = "VOC (.xml with <annotation>)",
                             .files = {{"a VOC annotation", {".xml"}, is_voc}},
                             .read = [](const Tree& tree, BoxPixels) { return read_voc(tree); },
                             .is_file_per_image = true,
                             .why_unread = "the others are in a folder named Annotations",
                             .holds = {.edges = Holds::Edges::kPixels,
                                       .difficult = true,
                                       .truncated = true,
                                       .sizes = true},
                             .layout = {.pictures = "JPEGImages",
                                        .pictures_by_split = false,
                                        .class_list = "classes.names",
                                        .of_sample = annotation_of,
                                        .of_split = list_of}};
  return format;
}

}  // namespace oko::dataset
