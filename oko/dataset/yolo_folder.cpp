#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "oko/base/error.h"
#include "oko/dataset/class_lists.h"
#include "oko/dataset/data_yaml.h"
#include "oko/dataset/format.h"
#include "oko/dataset/image_sizes.h"
#include "oko/dataset/text.h"
#include "oko/dataset/yolo_splits.h"
#include "oko/dataset/yolo_txt.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

std::string with_extension(const std::string& path, const char* extension) {
  return path.substr(0, path.size() - storage::extension(path).size()) + extension;
}

bool in_labels_folder(const std::string& path) {
  const auto folders = folders_of(path);
  return std::any_of(folders.begin(), folders.end(),
                     [](std::string_view folder) { return lower(folder) == "labels"; });
}

// A label file, and whether it is in the standard place: in "labels" instead of "images" or next to
// the image. Otherwise it is the one of that name in the root's own "labels".
struct LabelFile {
  std::string path;
  bool exact = false;
};

class YoloReader {
 public:
  YoloReader(const Tree& tree, BoxPixels exif) : tree_(tree), stored_(exif == BoxPixels::kStored) {}

  Source read() {
    source_.upright = !stored_;
    read_data_file();
    if (!splits_.listed) splits_ = splits_of_lists(tree_, source_.findings);
    source_.same_splits = splits_.same;
    if (source_.classes.empty()) source_.classes = find_class_list(tree_, source_.findings, true);
    check_class_count();
    if (source_.classes.empty()) {
      add_warning(source_.findings, "no-class-list", tree_.root(),
                  "labels have class numbers, but neither data.yaml nor a class list was found",
                  "give it with --classes FILE");
    }
    add_pictures();
    report_orphans();
    for (const std::string& path : other_data_files_) report_other_data_file(path);
    return std::move(source_);
  }

 private:
  // data.yaml or a Darknet .data file: the given one, else the one with the fewest folders.
  void read_data_file() {
    std::vector<std::string> files = data_files();
    if (files.empty()) return;
    const std::string path = files.front();
    const Text text = tree_.read_text(path);
    file_ = parse_data_file(text.text(), path);
    if (file_.class_count) count_place_ = fmt::format("{}:{}", path, file_.count_line);
    use_names(file_, storage::parent(path));
    splits_ = splits_of_data_file(tree_, file_, path, source_.findings);
    used_data_file_ = path;
    other_data_files_.assign(files.begin() + 1, files.end());
  }

  std::vector<std::string> data_files() const {
    if (!tree_.file().empty()) {
      const std::string extension = storage::extension(tree_.file());
      const bool is_one = is_yaml(extension) || extension == ".data";
      return is_one ? std::vector<std::string>{tree_.file()} : std::vector<std::string>();
    }
    std::vector<std::string> files;
    for (const std::string& path : tree_.files()) {
      const std::string extension = storage::extension(path);
      if (is_yaml(extension) ? is_data_yaml(tree_.look_at(path).text())
                             : extension == ".data" &&
                                   !parse_darknet_data(tree_.look_at(path).text()).train.empty()) {
        files.push_back(path);
      }
    }
    const auto rank = [](const std::string& path) {
      const std::string stem = storage::stem(path);
      return std::tuple(folders_of(path).size(), storage::extension(path) == ".data",
                        stem != "data", stem != "dataset");
    };
    std::stable_sort(files.begin(), files.end(),
                     [&](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
    return files;
  }

  static bool is_yaml(const std::string& extension) {
    return extension == ".yaml" || extension == ".yml";
  }

  static DataFile parse_data_file(std::string_view text, const std::string& path) {
    return is_yaml(storage::extension(path)) ? parse_data_yaml(text, path)
                                             : parse_darknet_data(text, path);
  }

  // A second data file may have a different class order for these labels, unless it is far from
  // them, as in a copy of some program.
  void report_other_data_file(const std::string& path) {
    tree_.set_aside(path);
    std::vector<std::string> names;
    try {
      names = parse_data_file(tree_.look_at(path).text(), path).names;
    } catch (const Error&) {
      // A warning is enough for one that is not usable anyway.
    }
    const std::string folder = storage::parent(path);
    const bool is_near =
        folder == storage::parent(used_data_file_) ||
        std::any_of(source_.pictures.begin(), source_.pictures.end(), [&](const auto& picture) {
          return !picture.annotation.empty() && picture.image.starts_with(folder + "/");
        });
    if (names.empty() || names == source_.classes || !is_near) {
      add_warning(source_.findings, "annotation-ignored", path,
                  fmt::format("is a second data file; {} is used", used_data_file_));
    } else {
      add_error(source_.findings, "annotation-ignored", path,
                fmt::format("is a second data file whose class names differ from {}, which is "
                            "used; give the right file instead of the folder",
                            used_data_file_));
    }
  }

  // Checks nc against the names; without names, nc limits the class numbers.
  void check_class_count() {
    if (!file_.class_count) return;
    const auto count = static_cast<std::size_t>(std::max(*file_.class_count, 0));
    if (source_.classes.empty() && count > 0 && count <= 9999) {
      add_warning(source_.findings, "no-class-list", count_place_,
                  fmt::format("there are {} classes without names", count),
                  "name them in data.yaml or with --classes FILE");
      for (std::size_t i = 0; i < count; ++i) {
        source_.classes.push_back("class " + std::to_string(i));
      }
    } else if (!source_.classes.empty() && source_.classes.size() != count) {
      add_error(source_.findings, "class-count", count_place_,
                fmt::format("{} classes are declared, but {} names are listed", count,
                            source_.classes.size()),
                "the names are used");
    }
  }

  void use_names(const DataFile& file, const std::string& folder) {
    source_.findings.insert(source_.findings.end(), file.findings.begin(), file.findings.end());
    source_.classes = file.names;
    if (!file.names_file.empty()) {
      const std::string names = tree_.find_path(file.names_file, folder);
      if (names.empty()) {
        throw input_error(tree_.root(), "the class list " + file.names_file + " is missing");
      }
      source_.classes = read_class_list(tree_.read_text(names).text(), names, source_.findings);
    }
  }

  LabelFile label_of(const std::string& image) const {
    const std::string text = with_extension(image, ".txt");
    const auto folders = folders_of(text);
    std::size_t end = text.size() - storage::filename(text).size();
    for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
      end -= folder->size() + 1;
      const std::string word = lower(*folder);
      if (word != "images" && word != "jpegimages" && word != "imgs" && word != "img") continue;
      const std::string label =
          tree_.in_any_case(text.substr(0, end) + "labels" + text.substr(end + folder->size()));
      if (!label.empty()) return {label, true};
    }
    if (const std::string label = tree_.in_any_case(text); !label.empty()) return {label, true};
    return {tree_.in_any_case("labels/" + storage::filename(text)), false};
  }

  // The label file of each image that has one. A label in the root's own "labels" is not used if it
  // could belong to images of several folders.
  std::map<std::string, std::string> find_labels() {
    std::map<std::string, std::vector<std::string>> exact, flat;  // images by label file
    for (const std::string& image : tree_.pictures()) {
      const LabelFile label = label_of(image);
      if (!label.path.empty()) (label.exact ? exact : flat)[label.path].push_back(image);
    }
    std::map<std::string, std::string> labels;
    for (const auto& [label, images] : exact) {
      for (const std::string& image : images) labels.emplace(image, label);
      if (images.size() > 1) report_shared(label, images);
    }
    for (const auto& [label, images] : flat) {
      if (exact.contains(label)) continue;
      const std::string folder = storage::parent(images.front());
      const bool one_folder = std::all_of(
          images.begin(), images.end(),
          [&folder](const std::string& image) { return storage::parent(image) == folder; });
      if (!one_folder) {
        report_ambiguous(label, images);
        continue;
      }
      for (const std::string& image : images) labels.emplace(image, label);
      if (images.size() > 1) report_shared(label, images);
    }
    return labels;
  }

  void report_shared(const std::string& label, const std::vector<std::string>& images) {
    add_warning(source_.findings, "shared-label", label,
                fmt::format("is the label file of {}", fmt::join(images, " and of ")));
  }

  void report_ambiguous(const std::string& label, const std::vector<std::string>& images) {
    Finding& finding = add_error(source_.findings, "ambiguous-label", label,
                                 fmt::format("could belong to {}", fmt::join(images, " or to ")),
                                 "these images are dropped");
    finding.images_lost = static_cast<int>(images.size());
    finding.boxes_lost = count_lines(label);
    dropped_.insert(images.begin(), images.end());
  }

  void add_pictures() {
    const std::map<std::string, std::string> labels = find_labels();
    for (const auto& [image, label] : labels) folders_.insert(storage::parent(image));
    std::vector<std::string> soon;
    for (const std::string& image : tree_.pictures()) {
      if (const auto label = labels.find(image); label != labels.end()) {
        soon.push_back(image);
        soon.push_back(label->second);
      }
    }
    tree_.read_ahead(soon);
    choose_label_form(labels);
    for (const std::string& image : tree_.pictures()) {
      const auto listed = splits_.of.find(image);
      const auto label = labels.find(image);
      if (dropped_.contains(image) || (listed == splits_.of.end() && label == labels.end() &&
                                       !folders_.contains(storage::parent(image)))) {
        continue;
      }
      std::string split = splits_.listed ? "" : tree_.split_of(image);
      if (listed != splits_.of.end()) split = listed->second;
      if (splits_.listed && listed == splits_.of.end()) {
        add_note(source_.findings, "in-no-split", image,
                 fmt::format("{} is in none of the splits", image));
      }
      add_picture(image, label == labels.end() ? "" : label->second, split);
    }
  }

  // Keypoints by kpt_shape. Without it, longer lines that are not clearly polygons are taken for
  // neither.
  void choose_label_form(const std::map<std::string, std::string>& labels) {
    form_.keypoint_values = file_.keypoint_values.value_or(0);
    if (form_.keypoint_values > 0) {
      add_note(source_.findings, "keypoints", tree_.root(),
               "the labels have keypoints (kpt_shape); only their boxes are read");
    }
    if (file_.keypoint_values) return;
    LongLines longer;
    for (const auto& [image, label] : labels) {
      const Text text = tree_.read_text(label);
      for (const std::string_view line : split_lines(text.text())) longer.add(line);
    }
    form_.ambiguous = !longer.empty() && !longer.are_polygons();
  }

  void add_picture(const std::string& image, const std::string& label, const std::string& split) {
    SourcePicture picture{storage::stem(image), image, label, split, {}};
    const media::PictureInfo info = picture_header(*tree_.shared_files(), tree_.uri(image));
    const image::Size size = stored_ ? info.size : info.upright_size();
    if (size.width <= 0 || size.height <= 0) {
      add_error(source_.findings, kUnreadableImage, image,
                why_unreadable(*tree_.shared_files(), tree_.uri(image)) +
                    "; its size is needed, as labels are relative to it",
                "the image is dropped");
      Finding& finding = source_.findings.back();
      finding.images_lost = 1;
      finding.boxes_lost = label.empty() ? 0 : count_lines(label);
      return;
    }
    picture.parsed.size = size;
    if (label.empty()) {
      add_note(source_.findings, "no-annotation", image, "treated as a background image");
    } else {
      ParsedFile file = parse_yolo_labels(tree_.read_text(label).text(), label, size, form_);
      source_.findings.insert(source_.findings.end(), file.findings.begin(), file.findings.end());
      picture.parsed = std::move(file.pictures.at(0));
    }
    source_.pictures.push_back(std::move(picture));
  }

  void report_orphans() {
    for (const std::string& path : tree_.with_extension(".txt")) {
      if (tree_.was_read(path) || is_class_list_name(path)) continue;
      const bool beside = folders_.contains(storage::parent(path));
      if (!in_labels_folder(path) && !(beside && is_yolo_labels(tree_.look_at(path).text()))) {
        continue;
      }
      add_warning(source_.findings, "orphan-label", path, "a label file without an image",
                  "it is dropped")
          .boxes_lost = count_lines(path);
    }
  }

  // Non-blank lines: how many boxes a label file would have.
  int count_lines(const std::string& path) const {
    const Text text = tree_.read_text(path);
    const auto lines = split_lines(text.text());
    return static_cast<int>(std::count_if(
        lines.begin(), lines.end(), [](std::string_view line) { return !trimmed(line).empty(); }));
  }

  const Tree& tree_;
  bool stored_;  // boxes are relative to the stored pixels
  Source source_;
  DataFile file_;
  LabelForm form_;
  std::string count_place_, used_data_file_;
  std::vector<std::string> other_data_files_;
  ListedSplits splits_;
  std::set<std::string> folders_;  // with labelled images: others in them are backgrounds
  std::set<std::string> dropped_;  // images
};

}  // namespace

Source read_yolo(const Tree& tree, BoxPixels exif) { return YoloReader(tree, exif).read(); }

static bool is_darknet_data(std::string_view text) {
  return !parse_darknet_data(text).train.empty();
}

static AnnotationFile labels_of(const NewSample& sample, const Dataset&) {
  return {storage::join(storage::join("labels", sample.folder), sample.name + ".txt"),
          yolo_labels_text(*sample.sample)};
}

static AnnotationFile data_yaml_of(const Dataset& dataset) {
  std::vector<std::string> splits = split_names(dataset);
  std::erase(splits, "");
  return {"data.yaml", data_yaml_text(dataset.classes, splits, dataset.same_splits)};
}

const Format& yolo_format() {
  static const Format format{
      .name = "yolo",
      .title = "YOLO",
      .evidence = "YOLO (data.yaml, .data, or label files next to images or in labels/)",
      .files = {{"a YOLO data.yaml", {".yaml", ".yml"}, is_data_yaml},
                {"a Darknet .data file", {".data"}, is_darknet_data},
                {.name = "a label file",
                 .extensions = {".txt"},
                 .matches = is_yolo_labels,
                 .is_certain = false,
                 .needs_image = true}},
      .read = read_yolo,
      .is_numbered = true,
      .is_file_per_image = true,
      .why_unread = "no image matches this label file",
      .holds = {.edges = Holds::Edges::kFractions, .same_splits = true},
      .layout = {.class_list = nullptr, .of_sample = labels_of, .of_dataset = data_yaml_of}};
  return format;
}

}  // namespace oko::dataset
