#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "oko/dataset/augment.h"
#include "oko/graph/network.h"
#include "oko/train/loss.h"

namespace oko::train {

// What a head reads for one image, and the results of its loss.
struct HeadTensor {
  const graph::Operation& head;
  graph::Shape shape;          // may differ from the network's: the input size varies
  std::span<const float> raw;  // channels × height × width, planar
  std::span<float> gradient;   // the same size: is filled with d loss / d raw
  LossSums loss = {};          // of this head; a loss of several heads together goes to the first
  std::array<double, 2> counts{};  // what weigh() needs of the image; of the first head
};

// How heads of one kind are trained. The first is that of YOLOv3 (oko/train/yolo_head.h); add
// another one to head.cpp.
class HeadKind {
 public:
  virtual ~HeadKind() = default;

  // In the order in which people see them. Static: values refer to them.
  virtual std::span<const LossPart> loss_parts() const = 0;

  // Fills `loss` and `gradient` of all the heads of one image; together, so that an object can be
  // assigned to one of several levels. `input`: the network's input size in pixels. Called by
  // several threads at once.
  virtual void compute_loss(std::span<HeadTensor> tensors, image::Size input,
                            std::span<const dataset::Truth> truths,
                            const LossOptions& options) const = 0;

  // Weighs losses and gradients of a batch by what its images have together, once all of them are
  // computed.
  virtual void weigh(std::span<std::vector<HeadTensor>>) const {}

  // Sets the initial biases of the convolution before `head`; they are 0 on entry.
  virtual void initialize_biases(const graph::Operation& head, std::span<float> biases) const = 0;

  // For each channel that `head` reads, the channel of the same meaning that the pretrained head
  // `old` reads, or −1 if it has none (a new class). Empty if the two do not correspond.
  virtual std::vector<int> channels_from(const graph::Operation& head,
                                         std::span<const std::string> classes,
                                         const graph::Operation& old,
                                         std::span<const std::string> old_classes) const = 0;
};

// Null if this operation is not a head that can be trained.
const HeadKind* head_kind(const graph::Operation& operation);

// The kind of the network's heads. Throws a usage Error if they cannot be trained or are of
// different kinds; `place`: of the network.
const HeadKind& head_kind(const graph::Network& network, const std::string& place);

// The head that reads the output of this layer; null if there is none.
const graph::Operation* head_after(const graph::Network& network, int layer);

}  // namespace oko::train
