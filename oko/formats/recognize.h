#pragma once

#include <optional>

#include "oko/base/error.h"
#include "oko/formats/heads.h"

namespace oko::formats {

// For Imported::notes, of readers that leave out maps of masks.
inline constexpr const char* kMasksNote =
    "the file segments instances; oko reads their boxes, not their masks";

// Adds the heads of families of detectors whose files have no description: YOLOv5 to YOLO11, YOLOX,
// NanoDet, SSD and what decodes boxes like them. False, and `imported` as it was, if it is none.
//
// A file that decodes its boxes proves its family: the heads are those that make of test values
// the boxes and scores that the file computes from them (Imported::tail). Anchors are read off what
// it makes of zeros. A file with raw outputs is taken for a family by the parts that its outputs
// consist of. A note says what it was taken for, and why.
//
// With a family `given` it is that one: what the parts leave open, and that the file goes on to
// compute with its outputs, is no reason to doubt it. Throws a usage Error at --decoding if the
// file's decoding proves another one, or the outputs do not have its parts.
bool recognize_heads(Imported& imported, std::optional<Family> given = {});

// Throws that Error if the file's own decoding proves another family than this.
void check_proved(const Imported& imported, Family given);

// The same for families whose files lack their anchors alone: Yolo-FastestV2, RetinaFace and
// YOLOv5-Face. Throws an input Error where these do not fit, and a usage Error at --decoding if
// that names the family and it is not one. False if another one is named.
bool recognize_with_anchors(Imported& imported, const HeadOptions& heads);
// That it is one of them or may be, and which anchors the published file has, or what else to say.
std::optional<Error> lacks_only_anchors(const Imported& imported);

// As the published NanoDet and NanoDet-Plus take images: stretched, BGR, with a mean and a scale.
image::Preprocess nanodet_preprocessing();

}  // namespace oko::formats
