#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "oko/formats/ncnn/param.h"
#include "oko/graph/network.h"

namespace oko::formats::ncnn {

// Self-attention among pixels, which is several lines, as write.cpp has them.
struct AttentionLines {
  graph::Attention attention;
  std::string from;             // blob
  std::set<const Line*> parts;  // all but the last
};

// By their last lines.
std::map<const Line*, AttentionLines> find_attentions(const std::vector<Line>& lines);

}  // namespace oko::formats::ncnn
