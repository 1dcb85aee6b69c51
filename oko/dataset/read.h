#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"
#include "oko/media/picture.h"

namespace oko::dataset {

// One thing that is wrong or odd in a dataset. docs/datasets.md lists the kinds.
struct Finding {
  // Error: training or its figures would be wrong. Warning: it was worked around (a box left out,
  // corners swapped). Note: odd, harmless.
  enum class Severity { kError, kWarning, kNote };
  Severity severity = Severity::kWarning;
  std::string kind;     // stable identifier: "empty-box", "missing-image", …
  std::string place;    // file:line
  std::string message;  // what is there
  std::string repair;   // what --repair does about it; empty where it can do nothing
  std::string sample;   // id of the sample it is about; empty where it is about none
  int object = -1;      // index in that sample's objects, or -1
  // What repair() has to do. Nothing where it can do nothing, or where reading has done it.
  enum class Fix {
    kNothing,
    kLeaveOutPicture,
    kLeaveOutBox,
    kClipBox,
    kScaleBoxes,
    kTakeSize,
    kRightExtension,
    kMergeClass
  };
  Fix fix = Fix::kNothing;
  // What reading left out because of it, and boxes that it took once although they are there twice.
  int images_lost = 0, boxes_lost = 0, boxes_repeated = 0;
};

const char* name_of(Finding::Severity severity);  // "error", "warning", "note"

// Which pixels of an image that EXIF turns the boxes of a source lie on.
enum class BoxPixels {
  kAuto,  // the upright ones, as labelling tools show them, unless sizes in the source say stored
  kUpright,  // as it is seen
  kStored    // as it is stored, EXIF ignored
};
std::optional<BoxPixels> box_pixels_named(std::string_view name);  // "auto", "upright", "stored"

struct ReadOptions {
  std::string format;                // empty: recognised from what lies there
  std::vector<std::string> classes;  // the order to use; empty: the source's own, or as first seen
  std::string classes_file;          // one name a line
  BoxPixels exif = BoxPixels::kAuto;
};

// Reads any source format. Objects that cannot be used (empty box, unknown class) are left out
// and each is told in `findings`; with findings == nullptr the first one of severity kError throws.
// Class order: options, else the source's list (classes.names, classes.txt, *.names, data.yaml,
// COCO categories), else names sorted. Opens no more of pictures than headers: for YOLO's relative
// boxes, and where their EXIF orientation may matter (oko/dataset/upright.h).
Dataset read(const std::string& uri, const ReadOptions& options = {},
             std::vector<Finding>* findings = nullptr);

// Throws the first finding of severity kError, if there is one, as an input Error of its place.
void throw_first_error(const std::vector<Finding>& findings, const std::string& uri);

// What a picture's header says; without a size where it cannot be read.
media::PictureInfo picture_header(storage::Files& files, const std::string& name);
// Why a picture without a size in its header cannot be read: "is HEIC, which …".
std::string why_unreadable(storage::Files& files, const std::string& name);
// The upright size of a picture, from its header; 0×0 where it cannot be read.
image::Size picture_size(storage::Files& files, const std::string& name);

// Reads the headers of those pictures whose size no annotation tells. Where one cannot be read, its
// sample is taken out and told in `findings`; without them, an input Error is thrown.
void fill_sizes(Dataset& dataset, std::vector<Finding>* findings = nullptr);

// Throws an input Error where an annotation tells another size than its picture has: which pixels
// its boxes are measured in is not known then. Reads the headers of all pictures of which one is
// told; those without a size there are passed over.
void expect_stated_sizes(const Dataset& dataset);

}  // namespace oko::dataset
