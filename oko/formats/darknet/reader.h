#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "oko/formats/darknet.h"
#include "oko/formats/darknet/sections.h"

namespace oko::formats {

// Makes a network of the sections of a .cfg, one after the other. cfg.cpp has the file as a whole,
// reader_layers.cpp and reader_heads.cpp what the sections mean.
class CfgReader {
 public:
  CfgReader(std::string_view text, const std::string& file, std::vector<std::string>* notes,
            DarknetLayout* layout);
  graph::Network run();

 private:
  // What a section becomes; null: it computes nothing outside of training.
  struct Kind {
    std::string_view name;
    graph::Operation (CfgReader::*read)(DarknetSection&);
  };
  static const Kind* kind_of(const DarknetSection& section);

  void read_net(DarknetSection& net);
  void read_layer(DarknetSection& section);
  void read_crop(DarknetSection& section);
  // Appends a layer that reads inputs_.
  void add(const DarknetSection& section, std::string name, graph::Operation operation);
  // The same before the section's own layer, which then reads it.
  void add_before(const DarknetSection& section, std::string_view what, graph::Operation operation);
  void finish();

  // Once for every key of a kind of section.
  void note_once(const DarknetSection& section, std::string_view key, const std::string& text);
  void note(std::string text);
  void keep_or_note_unused(DarknetSection& section);

  int previous() const;
  const graph::Shape& shape_before() const;  // of what the section being read reads
  // Our layer for Darknet's index, which is relative to the current layer if negative.
  int layer_at(int index, const DarknetSection& section, std::string_view key) const;
  std::string name_here() const;

  graph::Operation convolution(DarknetSection& section);
  void share_weights(DarknetSection& section, const graph::Convolution& convolution);
  graph::Operation connected(DarknetSection& section);
  graph::Operation max_pool(DarknetSection& section);
  graph::Operation average_pool(DarknetSection& section);
  graph::Operation local_average_pool(DarknetSection& section);
  graph::Operation upsample(DarknetSection& section);
  graph::Operation reorg(DarknetSection& section);
  graph::Operation reorg_3d(DarknetSection& section);
  graph::Operation route(DarknetSection& section);
  graph::Operation shortcut(DarknetSection& section);
  graph::Operation spatial_attention(DarknetSection& section);
  graph::Operation scale_channels(DarknetSection& section);
  graph::Operation dropout(DarknetSection& section);
  graph::Operation softmax(DarknetSection& section);

  graph::Operation yolo(DarknetSection& section);
  graph::Operation region(DarknetSection& section);
  std::vector<graph::Anchor> anchors(DarknetSection& section, int& num);
  void check_new_coordinates(int head, const std::string& place) const;
  void read_suppression(DarknetSection& section);

  std::vector<std::string>* notes_;
  DarknetLayout* layout_;
  graph::BatchNorm batch_norm_;
  std::set<std::pair<std::string, std::string>> noted_;  // section and key
  std::vector<DarknetSection> sections_;
  graph::Network network_;
  std::vector<int> layer_of_;                         // ours for each of Darknet's
  std::vector<int> inputs_;                           // of the layer being read
  std::vector<std::pair<int, std::string>> squared_;  // heads with new_coords, and their places
};

// Throws if a key of the section changes what it computes in ways that oko cannot represent.
void refuse_unsupported(DarknetSection& section);

}  // namespace oko::formats
