#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"
#include "oko/media/picture.h"

namespace oko::dataset {

// One problem or oddity in a dataset. docs/datasets.md lists the kinds.
struct Finding {
  // Error: training or its metrics would be wrong. Warning: it was worked around (a box dropped,
  // corners swapped). Note: odd but harmless.
  enum class Severity { kError, kWarning, kNote };
  Severity severity = Severity::kWarning;
  std::string kind;     // stable identifier: "empty-box", "missing-image", …
  std::string place;    // file:line
  std::string message;  // what was found
  std::string repair;   // what --repair does about it; empty if nothing
  std::string sample;   // id of the sample it is about, if any
  int object = -1;      // index in that sample's objects, or -1
  // What repair() has to do. Nothing if it cannot do anything, or if reading already has.
  enum class Fix {
    kNothing,
    kDropPicture,
    kDropBox,
    kClipBox,
    kScaleBoxes,
    kTakeSize,
    kRightExtension,
    kMergeClass
  };
  Fix fix = Fix::kNothing;
  // What reading dropped because of it, including duplicate boxes that it kept once.
  int images_lost = 0, boxes_lost = 0, boxes_repeated = 0;
};

const char* name_of(Finding::Severity severity);  // "error", "warning", "note"

// Which pixels the boxes of a source refer to in images that EXIF rotates.
enum class BoxPixels {
  kAuto,     // the upright ones, as labelling tools show them, unless sizes in the source indicate
             // stored ones
  kUpright,  // as displayed
  kStored    // as stored, ignoring EXIF
};
std::optional<BoxPixels> box_pixels_named(std::string_view name);  // "auto", "upright", "stored"

struct ReadOptions {
  std::string format;                // empty: recognized from the files
  std::vector<std::string> classes;  // the order to use; empty: the source's own, or as first seen
  std::string classes_file;          // one name per line
  BoxPixels exif = BoxPixels::kAuto;
};

// Reads any source format. Objects that cannot be used (empty box, unknown class) are dropped and
// reported in `findings`; with findings == nullptr the first one of severity kError throws. Class
// order: options, else the source's list (classes.names, classes.txt, *.names, data.yaml, COCO
// categories), else names sorted. Reads only headers of images: for YOLO's relative boxes, and if
// their EXIF orientation may matter (oko/dataset/upright.h).
Dataset read(const std::string& uri, const ReadOptions& options = {},
             std::vector<Finding>* findings = nullptr);

// Throws the first finding of severity kError, if there is one, as an input Error of its place.
void throw_first_error(const std::vector<Finding>& findings, const std::string& uri);

// An image's header; without a size if it cannot be read.
media::PictureInfo picture_header(storage::Files& files, const std::string& name);
// Why an image without a size in its header cannot be read: "is HEIC, which …".
std::string why_unreadable(storage::Files& files, const std::string& name);
// The upright size of an image, from its header; 0×0 if it cannot be read.
image::Size picture_size(storage::Files& files, const std::string& name);

// Reads the headers of images whose size no annotation has. If one cannot be read, its sample is
// dropped and reported in `findings`; without them, an input Error is thrown.
void fill_sizes(Dataset& dataset, std::vector<Finding>* findings = nullptr);

// Throws an input Error if an image is not the size its annotation says: then it is unknown which
// pixels the boxes are measured in. Reads the headers of all images whose annotation has a size.
void expect_stated_sizes(const Dataset& dataset);

}  // namespace oko::dataset
