#pragma once

#include <optional>
#include <set>
#include <span>
#include <vector>

#include "oko/formats/output_parts.h"
#include "oko/graph/tensor.h"
#include "oko/image/geometry.h"

// Boxes and scores as files compute them, and what they say of anchors: for recognize.h.
namespace oko::formats {

// How boxes and scores may lie in a file's tensors: as rows or columns of one or two of them.
struct Reading {
  struct Table {
    std::size_t tensor = 0;
    bool turned = false;  // a box is a column
    int first = 0;        // of its values
  };
  int rows = 0, classes = 0;
  Table boxes, scores;
  bool objectness = false;  // between the box and the scores, which it is to be multiplied with
  int others = 0;           // values after the scores that are none, as of masks and of points
  int points = 0;           // values of points between the objectness and the scores
};

// All that fit the shapes of these tensors; rows may end in as many other values as one of
// `others`, or have those of four or five points before the scores.
std::vector<Reading> readings(std::span<const graph::Tensor> tensors, const std::set<int>& others);

// What oko decodes: of every level in order, every box of a cell, all cells.
struct DecodedRows {
  int classes = 0;
  std::vector<image::Box> boxes;           // pixels of the input
  std::vector<float> scores;               // rows × classes
  std::vector<int> boxes_per_cell, cells;  // of each level
};
// `heads` consists of heads with shapes alone.
DecodedRows rows_of_heads(const graph::Network& heads, const std::vector<std::vector<float>>& maps);

// How far the file's boxes are from these, in pixels on average, in whichever order of levels,
// cells and boxes, as corners or centres and sizes, in pixels or parts of the input. Nothing if
// they are others: a side or score is off by more than the rounding of the file's constants
// explains (Imported::tail_rounding).
std::optional<float> distance_of(const DecodedRows& rows, const Reading& reading,
                                 std::span<const graph::Tensor> tensors, const image::Size& input,
                                 float rounding);

// The boxes that a file makes of zeros in one level: the widths and heights of a cell's, and where
// its cells are, as graph::Ssd has it.
struct Priors {
  std::vector<graph::Anchor> sizes;
  int stride = 0;  // 0: they divide the input, and the boxes are in their centres
  float prior = .5F;
  bool operator==(const Priors&) const = default;
};
// Of each level, with `boxes_per_cell`; empty if the cells of a level differ, or rows are not as
// many.
std::vector<Priors> priors_of_zeros(const Reading& reading, std::span<const graph::Tensor> of_zeros,
                                    const std::vector<Level>& levels,
                                    const std::vector<int>& boxes_per_cell,
                                    const image::Size& input, float rounding);

// By how much a one moves a box, in widths, and the logarithm of how much it widens it: for every
// way in which the file may have boxes.
struct Variances {
  float centre = 0, size = 0;
  bool operator==(const Variances&) const = default;
};
std::vector<Variances> variances(const Reading& reading, std::span<const graph::Tensor> of_zeros,
                                 std::span<const graph::Tensor> of_ones, const image::Size& input);

}  // namespace oko::formats
