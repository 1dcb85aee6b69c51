#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/formats/format.h"
#include "oko/formats/heads.h"
#include "oko/graph/network.h"
#include "oko/image/geometry.h"

namespace oko::formats {

// "<stem>.param" and "<stem>.bin". Layer names that a .param cannot hold (blanks, over 200 bytes)
// are changed, and `notes` says so. With options.boxes
// the network ends in ncnn's own Yolov3DetectionOutput, blob "output", with rows of class (from 1),
// score, left, top, right, bottom (0…1); otherwise the outputs are the raw heads, named by
// output_names(). Kernels can be float16; biases stay float32. Throws an input Error for boxes of
// heads that ncnn would decode differently: region heads, scale_x_y other than 1, heads with
// different numbers of anchors or different anchor lists.
std::vector<File> write_ncnn(const graph::Network& network, const WriteOptions& options,
                             const std::string& stem, std::vector<std::string>* notes = nullptr);

// Reads a .param and its .bin. ncnn has no metadata, not even comments: heads come from a
// Yolov3DetectionOutput where the file has one, else from add_heads(); class names never. `name` is
// the model's, without the extensions; `size` is the input's if the .param does not fix it,
// `bin_name` the .bin's if it is not name.bin. Throws input Errors with "name.param:line" or
// "name.bin@byte".
Imported read_ncnn(std::string_view param, const Bytes& bin, const std::string& name,
                   std::optional<image::Size> size = {}, const std::string& bin_name = {});

}  // namespace oko::formats
