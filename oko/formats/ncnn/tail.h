#pragma once

#include <set>
#include <string>
#include <vector>

#include "oko/formats/ncnn/param.h"

namespace oko::formats::ncnn {

// The post-processing at the end of a file: lines that are not layers of the network, and those
// that only they read. Nothing in it leads to a convolution or another layer again.
struct Tail {
  std::set<const Line*> lines;      // in the file's order, without constants
  std::vector<std::string> inputs;  // blobs that it reads of the network, each once
  std::vector<std::string> unread;  // of its blobs, those that no line reads
};
// `lines` must outlive it.
Tail find_tail(const std::vector<Line>& lines);

}  // namespace oko::formats::ncnn
