#include "tests/cases/support.h"

namespace oko::cases {

std::vector<Expected> matching_cases() {
  return {
      {"coco-subfolders",
       "coco: cat\n"
       "images/cam1/0001.jpg 100x80: cat 10,10,30,30\n"
       "images/cam2/0001.jpg 100x80: cat 50,40,90,70"},
      {"voc-subfolders",
       "voc: cam1thing, cam2thing\n"
       "JPEGImages/cam1/frame_000000.png 100x80 train: cam1thing 10,10,30,30\n"
       "JPEGImages/cam2/frame_000000.png 100x80 val: cam2thing 50,40,90,70"},
      {"coco-deleted",
       "coco: cat\n"
       "train/0006.jpg 100x80 train: cat 10,10,30,30\n"
       "valid/0005.jpg 100x80 val: cat 60,40,90,70\n"
       "error missing-image: train/_annotations.coco.json:1: images[0]"},
      {"coco-same-file",
       "coco: cat\n"
       "images/a.jpg 100x80: cat 10,10,30,30; cat 40,40,60,60\n"
       "warning duplicate-entry: annotations/instances.json:1: images[1]"},
      {"createml-deleted",
       "createml: cat\n"
       "b/0005.jpg 0x0: cat 60,40,90,70\n"
       "error missing-image: a/_annotations.createml.json:1: [0]"},
      {"voc-list-ext",
       "voc: cat\n"
       "JPEGImages/a.jpg 100x80 train: cat 10,10,30,30\n"
       "JPEGImages/b.jpg 100x80 val: cat 10,10,30,30"},
      {"keras-yolo3-names",
       "keras: cat\n"
       "VOCdevkit/VOC2007/JPEGImages/test1.jpg 0x0 test: cat 10,10,30,30\n"
       "VOCdevkit/VOC2007/JPEGImages/train1.jpg 0x0 train: cat 10,10,30,30\n"
       "VOCdevkit/VOC2007/JPEGImages/val1.jpg 0x0 val: cat 10,10,30,30"},
      {"keras-spaces",
       "keras: cat, dog\n"
       "my photo 1.jpg 0x0 train: cat 10,10,30,30"},
      {"keras-win",
       "keras: cat, dog\n"
       "a.jpg 0x0 train: cat 10,10,30,30"},
      {"coco-ls-path",
       "coco: car\n"
       "images/a.jpg 100x80: car 10,10,30,30"},
      {"coco-ls-url",
       "coco: car\n"
       "images/a.jpg 100x80: car 10,10,30,30"},
      {"voc-mixedcase",
       "voc: cat\n"
       "IMG_1.JPG 100x80: cat 10,10,30,30"},
      {"yaml-val-is-train",
       "yolo: cat, dog\n"
       "images/train/a.jpg 100x80 train: cat 40,28,60,52\n"
       "images/val/b.jpg 100x80: dog 25,20,75,60\n"
       "note in-no-split: images/val/b.jpg\n"
       "warning same-split: data.yaml"},
      {"yolomark",
       "yolo: air, bird\n"
       "data/img/air1.jpg 100x80 train: air 40,28,60,52\n"
       "data/img/air2.jpg 100x80 train: air 40,28,60,52\n"
       "warning same-split: data/obj.data"},
      {"yaml-notest",
       "yolo: cat, dog\n"
       "images/train/a.jpg 100x80 train: cat 40,28,60,52\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60\n"
       "warning missing-split: ../test/images"},
      {"roboflow-notest",
       "yolo: cat\n"
       "train/images/a_train.jpg 100x80 train: cat 40,28,60,52\n"
       "valid/images/a_valid.jpg 100x80 val: cat 40,28,60,52\n"
       "warning missing-split: ../test/images"},
      {"yaml-roboflow-other-layout",
       "yolo: cat\n"
       "images/test/test1.jpg 100x80 test: cat 40,28,60,52\n"
       "images/train/train1.jpg 100x80 train: cat 40,28,60,52\n"
       "images/val/val1.jpg 100x80 val: cat 40,28,60,52\n"
       "warning missing-split: ../test/images\n"
       "warning missing-split: ../train/images\n"
       "warning missing-split: ../valid/images"},
      {"yaml-autosplit",
       "yolo: cat\n"
       "images/a.jpg 100x80 train: cat 40,28,60,52\n"
       "images/b.jpg 100x80 val: cat 40,28,60,52"},
      {"yaml-dl",
       "yolo: cat, dog\n"
       "images/train/a.jpg 100x80 train: cat 40,28,60,52\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60"},
      {"yaml-win",
       "yolo: cat, dog\n"
       "images/train/a.jpg 100x80 train: cat 40,28,60,52\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60"},
      {"yaml-abs",
       "yolo: cat, dog\n"
       "images/train/a.jpg 100x80 train: cat 40,28,60,52\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60"},
  };
}

}  // namespace oko::cases
