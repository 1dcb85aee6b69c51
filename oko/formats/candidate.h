#pragma once

#include <string>
#include <vector>

#include "oko/formats/output_parts.h"

// Heads that a file may have, before they are added to its network: for recognize.h.
namespace oko::formats {

struct Candidate {
  struct Head {
    std::size_t level = 0;
    std::vector<Chosen> parts;  // of the level, in the order in which the head reads them
    graph::Operation operation;
    bool operator==(const Head&) const = default;
  };
  std::vector<Head> heads;
  Family family{};
  image::Preprocess preprocess;  // of the family's own programs
  std::string detail{};          // after the family's title, for notes
};

// For notes: "a YOLOX".
std::string title_of(const Candidate& candidate);

// One head a level, which all read their parts in this order.
std::vector<Candidate::Head> heads_in_order(const std::vector<int>& order,
                                            std::vector<graph::Operation> operations);

// Adds its heads to the network, and its preprocessing where the file does not say, with a note.
void attach(Imported& imported, const std::vector<Level>& levels, const Candidate& candidate);

// Every level has parts of the same channels.
bool is_uniform(const std::vector<Level>& levels);
// A side that it does not divide has a last, partial cell.
int stride_of(const Level& level, const graph::Shape& input);

image::Preprocess grey_letterbox();
// Bytes as they are; RGB normalized as ImageNet's in YOLOX 0.1.0, whose files have another first
// kernel.
image::Preprocess yolox_preprocessing(const graph::Network& network);
image::Preprocess imagenet_preprocessing();  // RGB, stretched
image::Preprocess ssd_preprocessing();       // from -1 to 1, as UltraFace and the SSDs on MobileNet
// Of Caffe's SSDs: BGR, from -1 to 1 or bytes without ImageNet's mean, as the first kernel shows.
image::Preprocess caffe_preprocessing(const graph::Network& network);

// One for each level, of these classes and this many channels in all.
std::vector<graph::Operation> distance_operations(const std::vector<Level>& levels,
                                                  const graph::Shape& input, int classes,
                                                  int channels, float prior);
// Heads of YOLOv5 that leave out the values of points between every box's objectness and scores.
std::vector<Candidate::Head> heads_without_points(const std::vector<Level>& levels, int points,
                                                  int classes, int boxes,
                                                  const std::vector<graph::Anchor>& anchors);
std::vector<graph::Operation> yolo_operations(std::size_t levels, int classes, int boxes,
                                              graph::BoxCode code,
                                              const std::vector<graph::Anchor>& anchors);

}  // namespace oko::formats
