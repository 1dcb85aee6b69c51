#include "oko/cli/parity_text.h"

#include <fmt/format.h>

#include "oko/base/text.h"
#include "oko/cli/table.h"

namespace oko::cli {

std::string parity_text(const convert::Parity& parity, const convert::ParityOptions& options) {
  Table table({"output", "largest difference", "largest value", ""});
  for (const convert::OutputParity& output : parity.outputs) {
    table.add({output.name, fmt::format("{:.2g}", output.difference),
               fmt::format("{:.3g}", output.magnitude),
               parity.by_boxes ? ""
               : output.agrees ? "agrees"
                               : "DIFFERS"});
  }
  std::string text =
      fmt::format("{} and {} on {} image{}\n{}", printable(parity.first), printable(parity.second),
                  parity.pictures, parity.pictures == 1 ? "" : "s", table.text());
  const convert::BoxAgreement& boxes = parity.boxes;
  if (boxes.first + boxes.second > 0) {
    text += fmt::format("\nboxes above {:g}: {} and {}, {} the same", options.thresholds.score,
                        boxes.first, boxes.second, boxes.matched);
    if (boxes.matched > 0) {
      text += fmt::format(" (lowest IoU {:.4f}, scores within {:.2g})", boxes.lowest_iou,
                          boxes.score_difference);
    }
  }
  if (parity.by_boxes && boxes.first + boxes.second == 0) {
    text += "\nfor int8 only the boxes count, and there are none: nothing was compared";
  } else if (parity.by_boxes) {
    text += parity.agrees() ? "\nfor int8 only the boxes count: they agree"
                            : "\nfor int8 only the boxes count: they DIFFER";
  }
  if (!parity.first_layer.empty()) {
    text += fmt::format("\nthe first layer that differs is {}, by {:.2g}",
                        printable(parity.first_layer), parity.first_layer_difference);
  }
  return text;
}

Json boxes_json(const convert::BoxAgreement& boxes) {
  return {{"first", boxes.first},
          {"second", boxes.second},
          {"matched", boxes.matched},
          {"lowest_iou", boxes.lowest_iou},
          {"score_difference", boxes.score_difference}};
}

Json parity_json(const convert::Parity& parity) {
  Json outputs = Json::array();
  for (const convert::OutputParity& output : parity.outputs) {
    outputs.push_back({{"name", output.name},
                       {"difference", output.difference},
                       {"magnitude", output.magnitude},
                       {"agrees", output.agrees}});
  }
  return {{"first", parity.first},
          {"second", parity.second},
          {"pictures", parity.pictures},
          {"agrees", parity.agrees()},
          {"outputs", outputs},
          {"boxes", boxes_json(parity.boxes)},
          {"first_layer", parity.first_layer}};
}

}  // namespace oko::cli
