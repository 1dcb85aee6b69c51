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
      {"coco-mixed-names",
       "coco: cat\n"
       "images/a.jpg 100x80 train: cat 10,10,30,30\n"
       "images/b.jpg 100x80 val: cat 40,40,60,60"},
      {"coco-percent",
       "coco: car\n"
       "images/my photo.jpg 100x80: car 10,10,30,30"},
      {"coco-url-only",
       "coco: cat\n"
       "images/a.jpg 100x80: cat 10,10,30,30\n"
       "warning no-file-name: annotations/instances.json:1: images[0]"},
      {"createml-imagefilename",
       "createml: cat\n"
       "cat and dog.png 0x0: cat 23.9,1.95,43.9,42.05"},
      {"keras-only-path",
       "keras: cat, dog\n"
       "a.jpg 0x0 train: nothing\n"
       "b.jpg 0x0 train: cat 10,10,30,30"},
      {"labelimg-classes-in-images",
       "yolo: cat\n"
       "images/a.jpg 100x80: cat 40,28,60,52"},
      {"labelimg-classes-in-labels-train",
       "yolo: cat\n"
       "images/train/a.jpg 100x80 train: cat 40,28,60,52\n"
       "images/val/b.jpg 100x80 val: cat 40,28,60,52"},
      {"labelstudio-json",
       "error 3: .: project-1.json is an export of Label Studio, which oko does not read"},
      {"labelstudio-min",
       "error 3: .: project-1-min.json is an export of Label Studio, which oko does not read"},
      {"supervisely",
       "error 3: .: ds/ann/a.jpg.json is a file of Supervisely, which oko does not read"},
      {"tfcsv", "error 3: .: _annotations.csv is a table of boxes (CSV), which oko does not read"},
      {"via", "error 3: .: via_region_data.json is a file of VIA, which oko does not read"},
      {"voc-class-folder-train",
       "voc: boat, bus, train\n"
       "boat/boat1.jpg 100x80: boat 10,10,60,60\n"
       "bus/bus1.jpg 100x80: bus 10,10,60,60\n"
       "train/train1.jpg 100x80: train 10,10,60,60\n"
       "note class-folder: train"},
      {"voc-html-name",
       "voc: a & b, cat, salt & pepper, x<y\n"
       "JPEGImages/a.jpg 100x80: salt & pepper 10,10,30,30; cat 30,30,60,60; "
       "a & b 40,40,60,60; x<y 0,0,60,60"},
      {"voc-noext",
       "voc: cat\n"
       "images/a.1.jpg 100x80: cat 10,10,30,30\n"
       "images/a.2.jpg 100x80: cat 40,40,70,70"},
      {"voc-part",
       "voc: person\n"
       "JPEGImages/a.jpg 100x80: person 10,10,50,60"},
      {"voc-same-stem",
       "voc: cat\n"
       "a.jpg 0x0: nothing\n"
       "a.png 100x80: cat 10,10,30,30\n"
       "note no-annotation: a.jpg"},
      {"voc-vott",
       "voc: cat\n"
       "JPEGImages/a.jpg 100x80 train: cat 10,10,30,30\n"
       "JPEGImages/b.jpg 100x80 val: cat 10,10,30,30"},
      {"yolo-Labels-cap",
       "yolo: cat\n"
       "Images/a.jpg 100x80: cat 40,28,60,52"},
      {"yolo-all-empty",
       "error 3: .: no annotations among its 3 files (1 images); looked for VOC (.xml with "
       "<annotation>), COCO (.json with \"images\" and \"annotations\"), YOLO (data.yaml, .data, "
       "or label files next to images or in labels/), a Keras train list (.txt: path "
       "x1,y1,x2,y2,class), Create ML (.json list) and shards (shards.jsonl)"},
      {"yolo-jpgpng",
       "yolo: cat\n"
       "images/a.jpg 100x80: cat 40,28,60,52\n"
       "images/a.png 100x80: cat 40,28,60,52\n"
       "warning shared-label: labels/a.txt"},
      {"yolo-onelabel-empty",
       "yolo: cat\n"
       "images/a.jpg 100x80: nothing\n"
       "images/b.jpg 100x80: cat 40,28,60,52"},
      {"yolo-same-stem-flat-labels",
       "error 3: .: no image of this yolo dataset can be used; the first of 1 reasons: "
       "labels/1.txt: could belong to images/train/1.jpg or to images/val/1.jpg"},
      {"yolo-strange-txt",
       "yolo: cat\n"
       "images/a.jpg 100x80 train: cat 40,28,60,52\n"
       "warning annotation-ignored: train.txt"},
  };
}

}  // namespace oko::cases
