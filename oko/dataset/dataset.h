#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/image/geometry.h"
#include "oko/storage/files/files.h"

namespace oko::dataset {

struct Object {
  image::Box box;  // pixels of the upright picture (turned as EXIF says), edges: VOC's 1-based
                   // inclusive corners become left = xmin − 1, top = ymin − 1, right = xmax,
                   // bottom = ymax
  int class_id = 0;
  bool difficult = false;  // VOC: not counted in evaluation
  bool crowd = false;      // COCO: a region of many; detections in it are not counted as wrong
  bool truncated = false;
  std::string place;  // "Annotations/12.xml:14", where it was read
};

// One picture. Without objects it is a background image and is kept.
struct Sample {
  std::string id;          // unique in the dataset; VOC: the name without extension
  std::string image;       // URI
  std::string annotation;  // URI of the file that told of it; empty for a bare picture
  image::Size size;        // upright, as the annotation says, or 0×0 where it does not
  int depth = 0;           // channels as the annotation says, or 0
  std::string split;       // "train", "val", "test" or "" where the source has no splits
  std::vector<Object> objects;
  bool turned = false;  // its boxes lay on stored pixels: reading has turned them by EXIF
};

struct Dataset {
  std::string uri;     // where it was read from
  std::string format;  // "voc", "coco", "yolo", "keras", "createml", "shards"
  std::vector<std::string> classes;
  std::vector<Sample> samples;  // in the source's order
  // By which pictures are read; parts of a data set share it.
  std::shared_ptr<storage::Files> files = std::make_shared<storage::Files>();
  // Splits that have no samples of their own but those of another one: "val" → "train" where a data
  // set is validated on what it is trained on.
  std::map<std::string, std::string> same_splits = {};
};

// A sample's picture as it is stored, mapped where it lies on this disk.
Bytes picture_bytes(const Dataset& dataset, const Sample& sample);
// Soon the pictures of these samples are read, in this order: begins to fetch them from a bucket.
void read_ahead(const Dataset& dataset, std::span<const std::size_t> samples);
void read_ahead(const Dataset& dataset);  // all

// Without its samples.
Dataset empty_like(const Dataset& dataset);

// The samples of one split ("train", …), classes kept; of one that is the same as another, those of
// that. Throws a usage Error naming the splits there
// are where none has that name.
Dataset subset(const Dataset& dataset, const std::string& split);
bool has_split(const Dataset& dataset, const std::string& split);

// The splits that samples have: "train", "val", "test" first, others by name, "" last.
std::vector<std::string> split_names(const Dataset& dataset);

// Index in classes, or nothing.
std::optional<int> class_named(const Dataset& dataset, const std::string& name);

std::size_t count_objects(const Dataset& dataset);

// SHA-256 over all that training and evaluation see: classes, ids, splits, objects, and of each
// picture's byte size, first and last 4 KiB: the same content has the same fingerprint wherever it
// lies, whatever the order of its samples. A picture that is missing counts as one of no bytes.
std::string fingerprint(const Dataset& dataset);

}  // namespace oko::dataset
