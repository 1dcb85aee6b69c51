#include "oko/media/picture.h"
#include "oko/storage/store.h"
#include "tests/cases/support.h"

namespace oko::cases {
namespace {

// HEIC has a size if this oko was built with libheif.
std::string heic_in_yolo() {
  const std::string name = folder_of("datasets") + "/heic-yolo/images/IMG_0001.HEIC";
  if (media::probe(storage::read(name)).size == image::Size{}) {
    return "error 3: .: no image of this yolo dataset can be used; the first of 1 reasons: "
           "images/IMG_0001.HEIC: is HEIC, which this oko was built without; its size is needed, "
           "as labels are relative to it";
  }
  return "yolo: cat\n"
         "images/IMG_0001.HEIC 100x80: cat 30,24,70,56";
}

}  // namespace

std::vector<Expected> image_cases() {
  return {
      {"voc-exif3",
       "voc: red\n"
       "JPEGImages/a.jpg 160x120: red 99,78,140,110"},
      {"voc-exif6",
       "voc: red\n"
       "JPEGImages/a.jpg 120x160: red 79,20,110,61"},
      {"voc-exif8",
       "voc: red\n"
       "JPEGImages/a.jpg 120x160: red 10,99,41,140"},
      {"yolo-exif3",
       "yolo: red\n"
       "images/train/a.jpg 160x120 train: red 99,79,140,110\n"
       "images/train/b.jpg 160x120 train: red 20,10,61,41\n"
       "warning same-split: data.yaml"},
      {"yolo-exif6",
       "yolo: red\n"
       "images/train/a.jpg 120x160 train: red 79,20,110,61\n"
       "images/train/b.jpg 160x120 train: red 20,10,61,41\n"
       "warning same-split: data.yaml"},
      {"heic-voc",
       "voc: cat\n"
       "JPEGImages/IMG_0001.HEIC 0x0: cat 10,10,30,30"},
      {"heic-jpg-voc",
       "voc: cat\n"
       "JPEGImages/IMG_0001.jpg 0x0: cat 10,10,30,30"},
      {"heic-yolo", heic_in_yolo()},
  };
}

}  // namespace oko::cases
