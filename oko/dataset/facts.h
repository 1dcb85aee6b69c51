#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"
#include "oko/media/picture.h"

namespace oko::dataset {

// What is learnt by opening an image.
struct PictureFacts {
  std::string error;  // why it cannot be decoded; empty if it can
  media::PictureInfo info;
  bool grey = false;          // red, green and blue are equal everywhere
  std::string pixels;         // SHA-256 of size and pixels
  std::uint64_t outline = 0;  // 64 signs of brightness differences on a 9×8 grid; 0: a flat picture
};

// Opens every picture once, in the samples' order. threads 0: all processors.
std::vector<PictureFacts> picture_facts(const Dataset& dataset, int threads, Progress& progress);

// Samples whose images are the same; only groups of two and more, in the samples' order. `alike`
// also groups images with the same outline (the same photo at another size or quality).
std::vector<std::vector<std::size_t>> same_pictures(const std::vector<PictureFacts>& facts,
                                                    bool alike);

}  // namespace oko::dataset
