#pragma once

#include <array>
#include <string_view>

#include "oko/base/words.h"

namespace oko::formats {

// Detectors whose files do not describe their heads, by how they decode boxes.
enum class Family {
  kYoloV3,
  kYoloV5,
  kYoloX,
  kYoloV6,
  kYoloV8,
  kNanoDet,
  kNanoDetPlus,
  kPicoDet,
  kFastestDet,
  kYoloFastestV2,
  kSsd,
  kUltraFace,
  kYuNet,
  kScrfd,
  kBlazeFace,
  kFaceMask,
  kRetinaFace,
  kYoloV5Face
};
constexpr auto words_of(Family) {
  return std::to_array<std::string_view>({"yolov3", "yolov5", "yolox", "yolov6", "yolov8",
                                          "nanodet", "nanodet-plus", "picodet", "fastestdet",
                                          "yolo-fastestv2", "ssd", "ultraface", "yunet", "scrfd",
                                          "blazeface", "facemask", "retinaface", "yolov5-face"});
}
// For notes.
constexpr std::string_view title_of(Family family) {
  constexpr std::array<std::string_view, 18> kTitles{"a YOLOv3, YOLOv4 or relative",
                                                     "a YOLOv5, YOLOv7 or relative",
                                                     "a YOLOX",
                                                     "a YOLOv6 or relative",
                                                     "a YOLOv8, YOLO11 or relative",
                                                     "a NanoDet",
                                                     "a NanoDet-Plus or relative",
                                                     "a PicoDet",
                                                     "a FastestDet",
                                                     "a Yolo-FastestV2",
                                                     "an SSD",
                                                     "an UltraFace",
                                                     "a YuNet",
                                                     "an SCRFD",
                                                     "a BlazeFace or relative",
                                                     "a face mask detector of AIZOO",
                                                     "a RetinaFace or relative",
                                                     "a YOLOv5-Face or relative"};
  static_assert(kTitles.size() == kWords<Family>.size());
  return kTitles[static_cast<std::size_t>(family)];
}

// Whose heads are made with anchors that the user gives.
constexpr bool takes_anchors(Family family) {
  return family == Family::kYoloV3 || family == Family::kYoloV5 || family == Family::kYoloFastestV2;
}

}  // namespace oko::formats
