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
  bool crowd = false;      // COCO: a region of many objects; detections in it are ignored
  bool truncated = false;
  std::string place;  // "Annotations/12.xml:14", where it was read
};

// One image. Without objects it is a background image and is kept.
struct Sample {
  std::string id;          // unique in the dataset; VOC: the name without extension
  std::string image;       // URI
  std::string annotation;  // URI of its annotation file; empty for an image without one
  image::Size size;        // upright, from the annotation, or 0×0 if it has none
  int depth = 0;           // channels from the annotation, or 0
  std::string split;       // "train", "val", "test" or "" if the source has no splits
  std::vector<Object> objects;
  bool turned = false;  // its boxes were on stored pixels: reading has rotated them by EXIF
};

struct Dataset {
  std::string uri;     // where it was read from
  std::string format;  // "voc", "coco", "yolo", "keras", "createml", "shards"
  std::vector<std::string> classes;
  std::vector<Sample> samples;  // in the source's order
  // Through which images are read; subsets of a dataset share it.
  std::shared_ptr<storage::Files> files = std::make_shared<storage::Files>();
  // Splits without samples of their own that reuse another's: "val" → "train" if a dataset is
  // validated on its training images.
  std::map<std::string, std::string> same_splits = {};
};

// A sample's image as stored, memory-mapped if it is on a local disk.
Bytes picture_bytes(const Dataset& dataset, const Sample& sample);
// Starts to prefetch the images of these samples from a bucket; they will be read soon, in this
// order.
void read_ahead(const Dataset& dataset, std::span<const std::size_t> samples);
void read_ahead(const Dataset& dataset);  // all

// Without its samples.
Dataset empty_like(const Dataset& dataset);

// The samples of one split ("train", …), with all classes; for a split that is the same as another,
// that one's. Throws a usage Error naming the existing splits if there is no such split.
Dataset subset(const Dataset& dataset, const std::string& split);
bool has_split(const Dataset& dataset, const std::string& split);

// The splits that samples have: "train", "val", "test" first, others by name, "" last.
std::vector<std::string> split_names(const Dataset& dataset);

// Index in classes, or nothing.
std::optional<int> class_named(const Dataset& dataset, const std::string& name);

std::size_t count_objects(const Dataset& dataset);

// SHA-256 over everything that training and evaluation see: classes, ids, splits, objects, and each
// image's size in bytes and first and last 4 KiB: the same content has the same fingerprint
// wherever it is stored and whatever the order of its samples. A missing image counts as empty.
std::string fingerprint(const Dataset& dataset);

}  // namespace oko::dataset
