#include "oko/weights/known.h"

#include <algorithm>

namespace oko::weights {
namespace {

// Addresses contain a commit or belong to files that never changed; a file that differs from its
// SHA-256 is refused anyway. A new row: download the file, check that it is what its author
// describes, and write down size and hash of exactly that file.

// The repository of its author (RangiLyu/nanodet, Apache-2.0) publishes PyTorch checkpoints; this
// is the net as ncnn reads it.
constexpr File kNanodetPlus[] = {
    {"https://raw.githubusercontent.com/yyccR/nanodet-plus-ncnn-android/"
     "e902e25caa9260b63a0b32bb529f196376419596/app/src/main/assets/nanodet-plus-coco-416.param",
     23123, "d79e18ecd8595081bb29fdf0c790a47fcea96fbf58598350569a92e71e915b72"},
    {"https://raw.githubusercontent.com/yyccR/nanodet-plus-ncnn-android/"
     "e902e25caa9260b63a0b32bb529f196376419596/app/src/main/assets/nanodet-plus-coco-416.bin",
     2397184, "f7555ca6cb9650ee41e2f0a53fdf46b6e187a2a09792208d8c3eec033b6ac615"},
};
constexpr File kYoloFastest[] = {
    {"https://raw.githubusercontent.com/dog-qiuqiu/Yolo-Fastest/"
     "96a2900d163196c396e73f3fdab04ca4dd9a2f70/ModelZoo/yolo-fastest-1.1_coco/"
     "yolo-fastest-1.1.weights",
     1384268, "1c445c42bbd6df63edea2cc69f99667b5650d663ca11e34b116240740cd42890"},
};
constexpr File kYoloFastestXl[] = {
    {"https://raw.githubusercontent.com/dog-qiuqiu/Yolo-Fastest/"
     "96a2900d163196c396e73f3fdab04ca4dd9a2f70/ModelZoo/yolo-fastest-1.1_coco/"
     "yolo-fastest-1.1-xl.weights",
     3693964, "fac5fb41786c1f38f04972a658443b189f48720d7d117f9a044100e98a35b0c5"},
};
constexpr File kYolov3Tiny[] = {
    {"https://data.pjreddie.com/files/yolov3-tiny.weights", 35434956,
     "dccea06f59b781ec1234ddf8d1e94b9519a97f4245748a7d4db75d5b7080a42c"},
};
constexpr File kYolov3[] = {
    {"https://data.pjreddie.com/files/yolov3.weights", 248007048,
     "523e4e69e1d015393a1b0a441cef1d9c7659e3eb2d7e15f793f060a21b32f297"},
};

constexpr Known kKnown[] = {
    {"nanodet-plus-m-416", "nanodet-plus", "COCO, 80 classes",
     "the net is Apache-2.0; the repository with this file states none", kNanodetPlus},
    {"yolo-fastest-1.1", "yolo-fastest", "COCO, 80 classes", "public domain (YOLO licence)",
     kYoloFastest},
    {"yolo-fastest-1.1-xl", "yolo-fastest-xl", "COCO, 80 classes", "public domain (YOLO licence)",
     kYoloFastestXl},
    {"yolov3-tiny", "yolov3-tiny", "COCO, 80 classes", "public domain (YOLO licence)", kYolov3Tiny},
    {"yolov3", "yolov3", "COCO, 80 classes", "public domain (YOLO licence)", kYolov3},
};

}  // namespace

std::span<const Known> known() { return kKnown; }

const Known* find(std::string_view name) {
  const Known* const found = std::ranges::find(kKnown, name, &Known::name);
  return found == std::end(kKnown) ? nullptr : found;
}

const Known* find_for_network(std::string_view network) {
  const Known* const found = std::ranges::find(kKnown, network, &Known::network);
  return found == std::end(kKnown) ? nullptr : found;
}

std::uint64_t size_of(const Known& known) {
  std::uint64_t size = 0;
  for (const File& file : known.files) size += file.size;
  return size;
}

}  // namespace oko::weights
