#pragma once

#include <memory>
#include <span>
#include <vector>

#include "oko/base/random.h"
#include "oko/dataset/dataset.h"
#include "oko/image/frame.h"
#include "oko/image/letterbox.h"

namespace oko::dataset {

// Training augmentation. Zero or false turns a step off.
struct Augmentation {
  double scale_low = .5, scale_high = 1.5;  // picture's size relative to its letterbox fit
  double jitter = .2;                       // aspect ratio: up to ×(1 + jitter) or its inverse
  double translate = .2;                    // shift, as a fraction of the input's side
  double hue = .02;                         // hue shift, as a fraction of the circle
  double saturation = 1.5, value = 1.5;     // factor up to this or its inverse; 1: off
  double flip = .5;                         // probability of mirroring left–right
  double mosaic = 0;                        // probability of combining four images
  double mixup = 0;                         // probability of blending with a second one
  double min_visible = .25;  // fraction of a box that must remain visible for it to be kept

  static Augmentation none();
  bool operator==(const Augmentation&) const = default;
};

// Decoded pictures by sample index. Implementations cache; safe from several threads.
class PictureSource {
 public:
  virtual ~PictureSource() = default;
  // The image, possibly reduced by a power of two if it is far larger than the network's input,
  // with boxes in its own pixels (scaled accordingly).
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

// One training example made from sample `index`. All randomness comes from `random`, so the same
// random state gives the same example on any thread or machine. With Augmentation::none() the input
// is exactly image::letterbox()'s. Crowd regions are not truths; difficult objects are. Boxes are
// clipped to their visible part and dropped if that is less than min_visible of them or at most two
// pixels wide or high.
AugmentedSample augment(PictureSource& source, std::size_t index, image::Size input,
                        const image::Preprocess& preprocess, const Augmentation& settings,
                        Random& random);

// The same into the caller's planes (3 × input.height × input.width).
std::vector<Truth> augment_into(PictureSource& source, std::size_t index, image::Size input,
                                const image::Preprocess& preprocess, const Augmentation& settings,
                                Random& random, std::span<float> planes);

}  // namespace oko::dataset
