#include "tests/cases/support.h"

namespace oko::cases {

// clang-format off
std::vector<Expected> text_cases() {
  return {
      {"coco-bbox-null",
       "coco: cat\n"
       "images/a.jpg 100x80: cat 10,10,30,30\n"
       "error no-box: annotations/instances.json:1: annotations[1]\n"
       "error no-box: annotations/instances.json:1: annotations[2]"},
      {"coco-bbox-strings",
       "coco: cat\n"
       "images/a.jpg 100x80: cat 10,10,30,30\n"
       "warning odd-number: annotations/instances.json:1: annotations[0]"},
      {"coco-bom",
       "coco: cat\n"
       "images/a.jpg 100x80: cat 10,10,30,30"},
      {"coco-catid-both-strings",
       "coco: LP\n"
       "images/a.jpg 100x80: LP 10,10,30,30\n"
       "warning odd-number: annotations/instances.json:1: categories[0]"},
      {"coco-catid-float",
       "coco: cat\n"
       "images/a.jpg 100x80: cat 10,10,30,30\n"
       "warning odd-number: annotations/instances.json:1: annotations[0]"},
      {"coco-catid-string",
       "coco: LP\n"
       "images/a.jpg 100x80: LP 10,10,30,30\n"
       "warning odd-number: annotations/instances.json:1: annotations[0]"},
      {"coco-dup-cat",
       "coco: cat\n"
       "images/a.jpg 100x80: cat 10,10,30,30; cat 30,30,50,50\n"
       "error ambiguous-class: annotations/instances.json"},
      {"coco-dup-key",
       "coco: cat\n"
       "images/a.jpg 100x80: cat 10,10,30,30\n"
       "warning repeated-name: annotations/instances.json"},
      {"coco-id-float",
       "coco: cat\n"
       "images/a.jpg 100x80: cat 10,10,30,30\n"
       "warning odd-number: annotations/instances.json:1: images[0]"},
      {"coco-iscrowd-odd",
       "coco: cat\n"
       "images/a.jpg 100x80: cat 10,10,30,30; cat 30,30,50,50; cat 50,50,70,70"},
      {"coco-nan",
       "coco: cat\n"
       "images/a.jpg 100x80: cat 10,10,30,30\n"
       "error no-box: annotations/instances.json:1: annotations[1]\n"
       "warning odd-number: annotations/instances.json"},
      {"coco-negative",
       "coco: cat\n"
       "images/a.jpg 100x80: cat 10,10,30,30; cat -5,-5,15,15\n"
       "warning inverted-box: annotations/instances.json:1: annotations[0]"},
      {"coco-no-cats-key",
       "coco: category 1\n"
       "images/a.jpg 100x80: category 1 10,10,30,30\n"
       "warning no-class-list: annotations/instances.json"},
      {"coco-normalised",
       "coco: cat\n"
       "images/a.jpg 100x80: nothing\n"
       "error relative-box: annotations/instances.json:1: annotations[0]"},
      {"coco-size-float",
       "coco: cat\n"
       "images/a.jpg 100x80: cat 10,10,30,30"},
      {"coco-size-null",
       "coco: cat\n"
       "images/a.jpg 0x0: cat 10,10,30,30"},
      {"coco-size-string",
       "coco: cat\n"
       "images/a.jpg 100x80: cat 10,10,30,30\n"
       "warning odd-number: annotations/instances.json:1: images[0]"},
      {"createml-newer",
       "createml: cat\n"
       "a.jpg 0x0: cat 40,25,60,55"},
      {"createml-strings",
       "createml: cat\n"
       "a.jpg 0x0: cat 40,25,60,55"},
      {"keras-commaspace",
       R"text(error 3: .: no image of this keras dataset can be used; the first of 1 reasons: train.txt:1: "0" is neither an image name nor a box x1,y1,x2,y2,class)text"},
      {"keras-float",
       "keras: cat, dog\n"
       "a.jpg 0x0 train: cat 10.5,10.5,30.25,30"},
      {"keras-floatclass",
       "keras: cat, dog\n"
       "a.jpg 0x0 train: cat 10,10,30,30; dog 40,40,60,60"},
      {"keras-names",
       R"text(error 3: .: no image of this keras dataset can be used; the first of 1 reasons: train.txt:1: "10,10,30,30,cat" is neither an image name nor a box x1,y1,x2,y2,class)text"},
      {"keras-semicolon",
       R"text(error 3: .: no image of this keras dataset can be used; the first of 1 reasons: train.txt:1: "10,10,30,30,0;40,40,60,60,1" is neither an image name nor a box x1,y1,x2,y2,class)text"},
      {"voc-cp1251",
       "voc: dog, кот\n"
       "JPEGImages/a.jpg 100x80: кот 10,10,30,30\n"
       "JPEGImages/b.jpg 100x80: dog 10,10,30,30"},
      {"voc-doctype",
       "voc: cat\n"
       "JPEGImages/a.jpg 100x80: cat 10,10,30,30"},
      {"voc-emptyxml",
       "voc: cat\n"
       "JPEGImages/b.jpg 100x80: cat 10,10,30,30\n"
       "error bad-annotation: Annotations/a.xml:1"},
      {"voc-float",
       "voc: Blub\n"
       "JPEGImages/888.jpg 1920x1080: Blub 1484.84,496.05,1510.28,518.97\n"
       "note zero-based: Annotations/888.xml:1\n"
       "warning bad-size: Annotations/888.xml:1"},
      {"voc-gb2312",
       "voc: dog, 猫\n"
       "JPEGImages/a.jpg 100x80: 猫 10,10,30,30\n"
       "JPEGImages/b.jpg 100x80: dog 10,10,30,30"},
      {"voc-size0",
       "voc: cat\n"
       "JPEGImages/a.jpg 0x0: cat 10,10,30,30"},
      {"voc-utf-16",
       "voc: dog, 猫\n"
       "JPEGImages/a.jpg 100x80: 猫 10,10,30,30\n"
       "JPEGImages/b.jpg 100x80: dog 10,10,30,30"},
      {"voc-utf-8-sig",
       "voc: dog, raccoon\n"
       "JPEGImages/a.jpg 100x80: raccoon 10,10,30,30\n"
       "JPEGImages/b.jpg 100x80: dog 10,10,30,30"},
      {"voc-utf16-all",
       "voc: cat\n"
       "JPEGImages/a.jpg 100x80: cat 10,10,30,30"},
      {"voc-zero-based",
       "voc: cat\n"
       "JPEGImages/a.jpg 100x80: cat 0,0,100,80; cat 0,0,99,79\n"
       "note zero-based: Annotations/a.xml:1"},
      {"yaml-1based",
       R"text(error 3: data.yaml:5: "2: dog" does not fit a list of 2 names)text"},
      {"yaml-anchor",
       "yolo: cat, dog, it's: x\n"
       "images/train/a.jpg 100x80 train: cat 40,28,60,52\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60"},
      {"yaml-escape",
       "yolo: кіт, café\n"
       "images/train/a.jpg 100x80 train: кіт 40,28,60,52\n"
       "images/val/b.jpg 100x80 val: café 25,20,75,60"},
      {"yaml-gap",
       R"text(error 3: data.yaml:5: "2: dog" does not fit a list of 2 names)text"},
      {"yaml-list",
       "yolo: cat, dog\n"
       "images/train/a.jpg 100x80 train: cat 40,28,60,52\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60\n"
       "error missing-split: images/extra"},
      {"yaml-nextline",
       "yolo: cat, dog\n"
       "images/train/a.jpg 100x80 train: cat 40,28,60,52\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60"},
      {"yaml-numeric",
       "yolo: 0, 1\n"
       "images/train/a.jpg 100x80 train: 0 40,28,60,52\n"
       "images/val/b.jpg 100x80 val: 1 25,20,75,60"},
      {"yaml-yesno",
       "yolo: yes, no\n"
       "images/train/a.jpg 100x80 train: yes 40,28,60,52\n"
       "images/val/b.jpg 100x80 val: no 25,20,75,60"},
      {"yolo-1based",
       "yolo: cat, dog\n"
       "images/train/a.jpg 100x80 train: dog 40,28,60,52\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60\n"
       "error unknown-class: labels/train/a.txt:2"},
      {"yolo-bom",
       "yolo: cat, dog, c2, c3, c4, c5\n"
       "images/train/a.jpg 100x80 train: cat 40,28,60,52\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60"},
      {"yolo-classes-gap",
       "error 3: classes.txt:2: a blank line between class names, which Darknet counts as a class"},
      {"yolo-commas",
       "yolo: cat, dog, c2, c3, c4, c5\n"
       "images/train/a.jpg 100x80 train: nothing\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60\n"
       "error bad-annotation: labels/train/a.txt:1"},
      {"yolo-conf",
       "yolo: cat, dog, c2, c3, c4, c5\n"
       "images/train/a.jpg 100x80 train: nothing\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60\n"
       "error bad-annotation: labels/train/a.txt:1\n"
       "error bad-annotation: labels/train/a.txt:2"},
      {"yolo-cr-only",
       "yolo: cat, dog, c2, c3, c4, c5\n"
       "images/train/a.jpg 100x80 train: cat 40,28,60,52; dog 20,16,40,32\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60"},
      {"yolo-crlf-tabs",
       "yolo: cat, dog, c2, c3, c4, c5\n"
       "images/train/a.jpg 100x80 train: cat 40,28,60,52; dog 20,16,40,32\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60"},
      {"yolo-decimal-comma",
       "yolo: cat, dog, c2, c3, c4, c5\n"
       "images/train/a.jpg 100x80 train: nothing\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60\n"
       "error bad-annotation: labels/train/a.txt:1"},
      {"yolo-floatclass",
       "yolo: cat, dog, c2, c3, c4, c5\n"
       "images/train/a.jpg 100x80 train: cat 40,28,60,52; dog 20,16,40,32\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60"},
      {"yolo-mixed-seg",
       "yolo: cat\n"
       "images/a.jpg 100x80: cat 40,28,60,52; cat 10,8,30,32; cat 10,8,30,24"},
      {"yolo-names",
       "yolo: cat, dog, c2, c3, c4, c5\n"
       "images/train/a.jpg 100x80 train: nothing\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60\n"
       "error bad-annotation: labels/train/a.txt:1"},
      {"yolo-neg1",
       "yolo: cat, dog, c2, c3, c4, c5\n"
       "images/train/a.jpg 100x80 train: cat 40,28,60,52\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60\n"
       "error unknown-class: labels/train/a.txt:1"},
      {"yolo-nul",
       "yolo: cat, dog, c2, c3, c4, c5\n"
       "images/train/a.jpg 100x80 train: cat 40,28,60,52\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60\n"
       "error bad-annotation: labels/train/a.txt:2"},
      {"yolo-obb",
       "yolo: cat, dog, c2, c3, c4, c5\n"
       "images/train/a.jpg 100x80 train: cat 10,16,60,56\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60"},
      {"yolo-obb5",
       "yolo: cat, dog, c2, c3, c4, c5\n"
       "images/train/a.jpg 100x80 train: nothing\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60\n"
       "error bad-annotation: labels/train/a.txt:1"},
      {"yolo-pixels",
       "yolo: cat, dog, c2, c3, c4, c5\n"
       "images/train/a.jpg 100x80 train: nothing\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60\n"
       "error bad-number: labels/train/a.txt:1"},
      {"yolo-pixels-small",
       "yolo: cat, dog, c2, c3, c4, c5\n"
       "images/train/a.jpg 100x80 train: nothing\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60\n"
       "error bad-number: labels/train/a.txt:1"},
      {"yolo-pose-2d",
       "yolo: tiger, dog\n"
       "images/train/a.jpg 1000x1000 train: tiger 400,350,600,650\n"
       "images/val/b.jpg 1000x1000 val: dog 250,250,750,750\n"
       "note keypoints: ."},
      {"yolo-pose-4x3",
       "yolo: cat, dog, c2, c3, c4, c5\n"
       "images/train/a.jpg 1000x1000 train: cat 595.71,519.43,691.72,577.1; c5 519.92,505.7,574.5,581.06\n"
       "images/val/b.jpg 1000x1000 val: dog 250,250,750,750\n"
       "note keypoints: ."},
      {"yolo-utf16",
       "yolo: cat, dog, c2, c3, c4, c5\n"
       "images/train/a.jpg 100x80 train: cat 40,28,60,52\n"
       "images/val/b.jpg 100x80 val: dog 25,20,75,60"},
  };
}
// clang-format on

}  // namespace oko::cases
