#pragma once

#include <functional>
#include <string>

#include "oko/base/bytes.h"
#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"

namespace oko::dataset {

// Writes a dataset in `format` ("voc", "coco", "yolo", "keras", "createml", "shards") into a new or
// empty folder: pictures copied byte for byte, annotations and class list written, splits kept.
// Reading it back gives the same boxes (VOC and the Keras list: rounded to whole pixels). What a
// format cannot say is lost: "difficult" in all but VOC, COCO and shards, "truncated" in all but
// VOC and shards; crowd regions become difficult in VOC and are left out of the others but COCO and
// shards. A sample's files are called by its id, made a file name that is good everywhere
// (oko/base/file_name.h: separators become '_', more than 250 bytes are cut and end in a hash).
// After an error nothing of it is left. Throws an input Error, before anything is written, for a
// split that cannot be a folder's name. Shards are those of pack() with its usual options
// (oko/dataset/pack.h).
void write(const Dataset& dataset, const std::string& folder, const std::string& format,
           Progress& progress);

// What is written for a sample's picture.
struct PictureFile {
  std::string extension;  // with the dot
  Bytes content;
};
using PictureFiles = std::function<PictureFile(const Sample&)>;

// The same with pictures of the caller's making; `pictures` is called from several threads.
void write(const Dataset& dataset, const std::string& folder, const std::string& format,
           Progress& progress, const PictureFiles& pictures);

// Throws a usage Error where `folder` is there and not empty, or is a file.
void expect_new_folder(const std::string& folder);

}  // namespace oko::dataset
