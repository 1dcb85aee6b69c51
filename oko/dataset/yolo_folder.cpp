#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "oko/base/error.h"
#include "oko/dataset/data_yaml.h"
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
  return std::find(folders.begin(), folders.end(), "labels") != folders.end();
}

class YoloReader {
 public:
  explicit YoloReader(const Tree& tree) : tree_(tree) {}

  Source read() {
    source_.format = "yolo";
    read_data_file();
    if (!splits_.told) splits_ = splits_of_lists(tree_, source_.findings);
    source_.same_splits = splits_.same;
    if (source_.classes.empty()) source_.classes = find_class_list(tree_, source_.findings);
    check_class_count();
    if (source_.classes.empty()) {
      add_warning(source_.findings, "no-class-list", tree_.root(),
                  "labels number their classes and neither data.yaml nor a class list was found",
                  "name it with --classes FILE");
    }
    add_pictures();
    tell_orphans();
    return std::move(source_);
  }

 private:
  // data.yaml or a Darknet .data file: the one named, else the one in the tree.
  void read_data_file() {
    for (const std::string& path : tree_.files()) {
      const std::string extension = storage::extension(path);
      const bool named = path == tree_.file();
      if (!tree_.file().empty() && !named) continue;
      const bool yaml = extension == ".yaml" || extension == ".yml";
      if (!yaml && extension != ".data") continue;
      const Text bytes = tree_.read_text(path);
      const std::string_view text = bytes.text();
      if (yaml && !named && !is_data_yaml(text)) continue;
      file_ = yaml ? parse_data_yaml(text, path) : parse_darknet_data(text);
      if (file_.class_count) count_place_ = fmt::format("{}:{}", path, file_.count_line);
      use_names(file_, storage::parent(path));
      splits_ = splits_of_data_file(tree_, file_, path, source_.findings);
      return;
    }
  }

  // nc against the names; without names, nc says how far numbers may go.
  void check_class_count() {
    if (!file_.class_count) return;
    const auto count = static_cast<std::size_t>(std::max(*file_.class_count, 0));
    if (source_.classes.empty() && count > 0 && count <= 9999) {
      add_warning(source_.findings, "no-class-list", count_place_,
                  fmt::format("there are {} classes and no names of them", count),
                  "name them in data.yaml, or with --classes FILE");
      for (std::size_t i = 0; i < count; ++i) {
        source_.classes.push_back("class " + std::to_string(i));
      }
    } else if (!source_.classes.empty() && source_.classes.size() != count) {
      add_error(source_.findings, "class-count", count_place_,
                fmt::format("there are said to be {} classes, but {} names are listed", count,
                            source_.classes.size()),
                "the names count");
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

  // The label file of a picture: "labels" instead of a folder of images on its way, or beside it.
  std::string label_of(const std::string& image) const {
    const std::string text = with_extension(image, ".txt");
    const auto folders = folders_of(text);
    std::size_t end = text.size() - storage::filename(text).size();
    for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
      end -= folder->size() + 1;
      const std::string word = lower(*folder);
      if (word != "images" && word != "jpegimages" && word != "imgs") continue;
      const std::string label = text.substr(0, end) + "labels" + text.substr(end + folder->size());
      if (tree_.has(label)) return label;
    }
    for (const std::string& label : {text, "labels/" + storage::filename(text)}) {
      if (tree_.has(label)) return label;
    }
    return "";
  }

  void add_pictures() {
    std::map<std::string, std::string> labels;
    std::set<std::string> folders;  // with labelled pictures: others among them are backgrounds
    for (const std::string& image : tree_.pictures()) {
      std::string label = label_of(image);
      if (label.empty()) continue;
      folders.insert(storage::parent(image));
      labels.emplace(image, std::move(label));
    }
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
      const auto told = splits_.of.find(image);
      const auto label = labels.find(image);
      if (told == splits_.of.end() && label == labels.end() &&
          !folders.contains(storage::parent(image))) {
        continue;
      }
      std::string split = splits_.told ? "" : split_of_path(image);
      if (told != splits_.of.end()) split = told->second;
      if (splits_.told && told == splits_.of.end()) {
        add_note(source_.findings, "in-no-split", image,
                 fmt::format("{} is in none of the splits", image));
      }
      add_picture(image, label == labels.end() ? "" : label->second, split);
    }
  }

  // Keypoints by kpt_shape. Without it, lines of one length that all read well as a box with
  // keypoints inside it are taken for neither those nor polygons.
  void choose_label_form(const std::map<std::string, std::string>& labels) {
    form_.keypoint_values = file_.keypoint_values;
    if (form_.keypoint_values > 0) {
      add_note(source_.findings, "keypoints", tree_.root(),
               "the labels hold keypoints (kpt_shape); only their boxes are read");
      return;
    }
    std::set<std::size_t> lengths;
    for (const auto& [image, label] : labels) {
      const Text text = tree_.read_text(label);
      for (const std::string_view line : split_lines(text.text())) {
        std::size_t count = 0;
        const bool pose = could_be_pose(line, count);
        if (count < 7) continue;
        lengths.insert(count);
        if (!pose || lengths.size() > 1) return;
      }
    }
    form_.ambiguous = lengths.size() == 1;
  }

  void add_picture(const std::string& image, const std::string& label, const std::string& split) {
    SourcePicture picture{storage::stem(image), image, label, split, {}};
    const image::Size size = picture_size(*tree_.shared_files(), tree_.uri(image));
    if (!label.empty()) used_.insert(label);
    if (size.width <= 0 || size.height <= 0) {
      add_error(source_.findings, "unreadable-image", image,
                "the picture's size cannot be read, and labels are relative to it",
                "the picture is left out");
      Finding& finding = source_.findings.back();
      finding.images_lost = 1;
      finding.boxes_lost = label.empty() ? 0 : count_lines(label);
      return;
    }
    picture.parsed.size = size;
    if (label.empty()) {
      add_note(source_.findings, "no-annotation", image, "taken for a background picture");
    } else {
      ParsedFile file = parse_yolo_labels(tree_.read_text(label).text(), label, size, form_);
      source_.findings.insert(source_.findings.end(), file.findings.begin(), file.findings.end());
      picture.parsed = std::move(file.pictures.at(0));
    }
    source_.pictures.push_back(std::move(picture));
  }

  void tell_orphans() {
    for (const std::string& path : tree_.with_extension(".txt")) {
      if (!in_labels_folder(path) || used_.contains(path) ||
          storage::filename(path) == "classes.txt") {
        continue;
      }
      add_warning(source_.findings, "orphan-label", path, "a label file without a picture",
                  "it is left out")
          .boxes_lost = count_lines(path);
    }
  }

  // That are not blank: how many boxes a label file would have.
  int count_lines(const std::string& path) const {
    const Text text = tree_.read_text(path);
    const auto lines = split_lines(text.text());
    return static_cast<int>(std::count_if(
        lines.begin(), lines.end(), [](std::string_view line) { return !trimmed(line).empty(); }));
  }

  const Tree& tree_;
  Source source_;
  DataFile file_;
  LabelForm form_;
  std::string count_place_;
  ToldSplits splits_;
  std::set<std::string> used_;  // label files
};

}  // namespace

Source read_yolo(const Tree& tree) { return YoloReader(tree).read(); }

}  // namespace oko::dataset
