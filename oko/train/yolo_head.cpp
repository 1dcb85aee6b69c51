#include "oko/train/yolo_head.h"

#include <algorithm>
#include <array>

namespace oko::train {
namespace {

const std::array<LossPart, 4> kParts{
    {{"box", "box"}, {"objectness", "object"}, {"no_object", "no object"}, {"class", "class"}}};

constexpr float kRareObject = -4.6F;  // σ(−4.6) = 1 %

class YoloHead final : public HeadKind {
 public:
  std::span<const LossPart> loss_parts() const override { return kParts; }

  void compute_loss(std::span<HeadTensor> tensors, image::Size input,
                    std::span<const dataset::Truth> truths,
                    const LossOptions& options) const override {
    for (HeadTensor& t : tensors) {
      const YoloLoss loss = yolo_loss(std::get<graph::Yolo>(t.head), t.shape, input, t.raw, truths,
                                      options, t.gradient);
      t.loss = LossSums(kParts);
      t.loss.values = {loss.box, loss.objectness, loss.no_object, loss.classes};
    }
  }

  // The objectness: "nothing here".
  void initialize_biases(const graph::Operation& head, std::span<float> biases) const override {
    const auto part = static_cast<std::size_t>(5 + std::get<graph::Yolo>(head).classes);
    for (std::size_t i = 4; i < biases.size(); i += part) biases[i] = kRareObject;
  }

  std::vector<int> channels_from(const graph::Operation& head, std::span<const std::string> classes,
                                 const graph::Operation& old,
                                 std::span<const std::string> old_classes) const override {
    const auto& to = std::get<graph::Yolo>(head);
    const auto* from = std::get_if<graph::Yolo>(&old);
    if (from == nullptr || from->mask.size() != to.mask.size() || from->box_code != to.box_code) {
      return {};
    }
    std::vector<int> channels;
    for (std::size_t slot = 0; slot < to.mask.size(); ++slot) {
      const int base = static_cast<int>(slot) * (5 + from->classes);
      for (int part = 0; part < 5; ++part) channels.push_back(base + part);
      for (int c = 0; c < to.classes; ++c) {
        int found = -1;
        if (static_cast<std::size_t>(c) < classes.size()) {
          const auto same = std::ranges::find(old_classes, classes[c]) - old_classes.begin();
          if (same < std::min<std::ptrdiff_t>(std::ssize(old_classes), from->classes)) {
            found = base + 5 + static_cast<int>(same);
          }
        }
        channels.push_back(found);
      }
    }
    return channels;
  }
};

}  // namespace

const HeadKind& yolo_head() {
  static const YoloHead kind;
  return kind;
}

}  // namespace oko::train
