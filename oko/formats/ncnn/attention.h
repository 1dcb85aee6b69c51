#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "oko/formats/ncnn/param.h"
#include "oko/graph/network.h"

namespace oko::formats::ncnn {

// Lines that together are attention among pixels. The last one makes the output.
struct AttentionLines {
  graph::Attention attention;
  std::string from;             // the blob that they read
  std::set<const Line*> parts;  // all of them but the last
};

// A line that makes a map of the values of all heads, which networks also use otherwise.
struct ValuesLine {
  std::string from;                     // the map of all channels
  int heads = 1, first = 0, count = 0;  // of each head, the channels of its values
};

struct Attentions {
  std::map<const Line*, AttentionLines> by_last;
  std::map<const Line*, ValuesLine> values;
};
Attentions find_attentions(const std::vector<Line>& lines);

}  // namespace oko::formats::ncnn
