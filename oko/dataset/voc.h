#pragma once

#include <string>
#include <string_view>

#include "oko/dataset/parsed.h"
#include "oko/dataset/source.h"
#include "oko/dataset/tree.h"

namespace oko::dataset {

// One Pascal VOC annotation file: one image. Throws an input Error "name:line: …" if it is not XML
// or has no <annotation>; single objects that cannot be used become findings.
ParsedFile parse_voc(std::string_view text, const std::string& name);

// Whether a .xml file looks like one.
bool is_voc(std::string_view text);

// Whether a folder has the name of the one for annotations: their images are in the one around it.
bool is_annotations_folder(std::string_view name);

// The annotation of one sample as XML, its picture called `image_name`. Boxes are rounded to VOC's
// whole pixels, clipped to the picture and at least two pixels long in one direction.
std::string voc_text(const Sample& sample, const std::vector<std::string>& classes,
                     const std::string& image_name);

// Annotations/*.xml with JPEGImages and ImageSets/Main/{train,val,test,trainval}.txt, several such
// folders (a devkit), or .xml files beside their pictures, in split folders or not.
Source read_voc(const Tree& tree);

}  // namespace oko::dataset
