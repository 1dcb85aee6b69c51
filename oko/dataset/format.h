#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"
#include "oko/dataset/new_dataset.h"
#include "oko/dataset/read_options.h"
#include "oko/dataset/source.h"
#include "oko/dataset/tree.h"

// What oko knows of each format of datasets. The formats are listed in oko/dataset/CMakeLists.txt;
// one of the files of each defines its Format. What recognizes, reads, checks and writes datasets
// goes through the table and names none of them.
namespace oko::dataset {

// ---- Recognizing -------------------------------------------------------------------------------

// One kind of files of a format.
struct FormatFile {
  const char* name;  // in messages: "a VOC annotation"
  std::vector<std::string_view> extensions;
  bool (*matches)(std::string_view text);
  // The same for the first 64 KiB of a file; null: `matches` does.
  bool (*may_match)(std::string_view start) = nullptr;
  // Files of this format alone. Others merely look like it and count where nothing is certain.
  bool is_certain = true;
  // Many other files look like it, so it is reported as unread only beside images.
  bool needs_image = false;
};
bool has_extension(const FormatFile& file, std::string_view extension);

// ---- Writing -----------------------------------------------------------------------------------

// What the annotations of a format can express; the rest is lost in writing (oko/dataset/fit.h).
struct Holds {
  enum class Edges {
    kAny,       // also of boxes outside their image
    kPixels,    // whole pixels of the image
    kFractions  // centre and size as fractions of the image
  };
  Edges edges = Edges::kAny;
  bool crowds = false;  // without them but with difficult objects, crowd regions become difficult
  bool difficult = false, truncated = false;
  bool any_split = false;    // also splits that are not called train, val or test
  bool same_splits = false;  // a split that has the images of another
  bool sizes = false;        // of the images
  bool pixels = false;       // which pixels boxes are on, if EXIF rotates the image
};

// A sample of a new dataset. Paths are relative to the new folder.
struct NewSample {
  const Sample* sample = nullptr;
  std::string name;     // of its files, without extension
  std::string folder;   // of its split: "" if the dataset has no splits
  std::string picture;  // path of its image
};

struct NewSplit {
  std::string name;    // "" for samples in no split
  std::string folder;  // as in NewSample
  std::vector<NewSample> samples;

  std::vector<const Sample*> originals() const;
  std::vector<std::string> picture_paths() const;
  std::vector<std::string> picture_names() const;  // without folders
};

struct AnnotationFile {
  std::string path, text;
};

// The files of a new dataset, as far as its format decides about them.
struct Layout {
  const char* pictures = "images";         // their folder
  bool pictures_by_split = true;           // in a folder of their split within it
  const char* class_list = "classes.txt";  // null: the class names are elsewhere
  const char* unsplit = "unsplit";         // what a file for samples in no split is called
  bool holds_blank_classes = false;        // class names that are nothing but blanks
  bool holds_blanks = true;                // in the names of pictures
  // Annotations are in a file for each of these; null, or without a path: there is none.
  AnnotationFile (*of_sample)(const NewSample& sample, const Dataset& dataset) = nullptr;
  AnnotationFile (*of_split)(const NewSplit& split, const Dataset& dataset) = nullptr;
  AnnotationFile (*of_dataset)(const Dataset& dataset) = nullptr;
};

// ---- The table ---------------------------------------------------------------------------------

struct Format {
  const char* name;      // as in flags, run.toml and Dataset::format: "voc"
  const char* title;     // "VOC"
  const char* evidence;  // what a folder is searched for: "VOC (.xml with <annotation>)"
  std::vector<FormatFile> files;
  Source (*read)(const Tree& tree, BoxPixels exif) = nullptr;
  // Labels have class numbers, so their meaning depends on the class list.
  bool is_numbered = false;
  bool is_file_per_image = false;  // annotation files are of one image each
  // Why a file of the format the dataset is read as may not be read.
  const char* why_unread = "another one is";
  Holds holds{};
  Layout layout{};
  // Instead of `layout`.
  void (*write)(const Dataset& dataset, const std::string& folder, Progress& progress,
                const PictureFiles& pictures) = nullptr;
};

// In the order in which help and errors list them.
std::span<const Format* const> formats();
const Format* find_format(std::string_view name);  // null: there is none
// Throws a usage Error at `place` that lists the formats if there is none of this name.
const Format& format_named(std::string_view name, const std::string& place);
const std::vector<std::string>& format_names();   // "voc", "coco", …
const std::vector<std::string>& format_titles();  // "VOC", "COCO", …

}  // namespace oko::dataset
