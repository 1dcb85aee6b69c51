#pragma once

#include <memory>
#include <span>
#include <vector>

#include "oko/base/random.h"
#include "oko/dataset/dataset.h"
#include "oko/image/frame.h"
#include "oko/image/letterbox.h"

namespace oko::dataset {

// What training may do to a picture. Zero or false switches a thing off.
struct Augmentation {
  double scale_low = .5, scale_high = 1.5;  // picture's size relative to its letterbox fit
  double jitter = .2;                       // aspect ratio: up to ×(1 + jitter) or its inverse
  double translate = .2;                    // shift, in parts of the input's side
  double hue = .02;                         // turn of hue, in parts of the circle
  double saturation = 1.5, value = 1.5;     // factor up to this or its inverse; 1: off
  double flip = .5;                         // probability of mirroring left–right
  double mosaic = 0;                        // probability of joining four pictures
  double mixup = 0;                         // probability of blending with a second one
  double min_visible = .25;                 // part of a box that must remain for it to be kept

  static Augmentation none();
  bool operator==(const Augmentation&) const = default;
};

// Decoded pictures by sample index. Implementations cache; safe from several threads.
class PictureSource {
 public:
  virtual ~PictureSource() = default;
  // The picture, perhaps reduced by a power of two when it is far larger than the network's input,
  // with boxes in its own pixels (scaled along).
  struct Item {
    std::shared_ptr<const image::Picture> picture;
    std::vector<Object> objects;
  };
  virtual Item get(std::size_t sample) = 0;
  virtual std::size_t size() const = 0;
};

// A box for training: class and centre, size relative to the network's input.
struct Truth {
  int class_id = 0;
  float x = 0, y = 0, width = 0, height = 0;
};

struct AugmentedSample {
  std::vector<float> input;  // 3 × height × width, planar, [0, 1]
  std::vector<Truth> truths;
};

// One training example made from sample `index`. All chance comes from `random`, so the same random
// state gives the same example, whatever thread or machine makes it. With Augmentation::none() the
// input is exactly image::letterbox()'s. Crowd regions are no truths; difficult objects are. Boxes
// are cut to what can be seen of them and left out where that is less than min_visible of them or
// at most two pixels wide or high.
AugmentedSample augment(PictureSource& source, std::size_t index, image::Size input,
                        const image::Preprocess& preprocess, const Augmentation& settings,
                        Random& random);

// The same into planes (3 × input.height × input.width) that somebody else owns.
std::vector<Truth> augment_into(PictureSource& source, std::size_t index, image::Size input,
                                const image::Preprocess& preprocess, const Augmentation& settings,
                                Random& random, std::span<float> planes);

}  // namespace oko::dataset
