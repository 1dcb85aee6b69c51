#include "oko/graph/head.h"

#include <gmock/gmock.h>

#include "oko/base/error.h"

namespace oko::graph {
namespace {

using testing::HasSubstr;

// Two heads of 2x2 cells on an input of 64x48: cells are 32 pixels wide and 24 high.
Network with_heads() {
  Network network;
  network.input = {3, 48, 64};
  network.layers = {
      {"a", Convolution{14, 1, 16}, {kNetworkInput}, {}},
      {"narrow", MaxPool{1, 2}, {0}, {}},
      {"wide", Convolution{14, 1, 1}, {1}, {}},
      {"yolo", Yolo{{{8, 9}, {3, 4}, {5, 6}}, {2, 0}, 2, 1.05F}, {2}, {}},
      {"region", Region{{{1, 2}, {.5F, .25F}}, 2, true}, {1}, {}},
  };
  infer_shapes(network);
  return network;
}

TEST(AnchorHead, GivesYoloAnchorsOfItsMaskInPixels) {
  const Network network = with_heads();
  const AnchorHead head = anchor_head_of(network, 3);
  EXPECT_EQ(head.width, 2);
  EXPECT_EQ(head.height, 2);
  EXPECT_EQ(head.cell_width, 32);
  EXPECT_EQ(head.cell_height, 24);
  EXPECT_EQ(head.classes, 2);
  EXPECT_EQ(head.boxes, 2);
  EXPECT_EQ(head.scale_x_y, 1.05F);
  EXPECT_FALSE(head.softmax);
  EXPECT_EQ(head.anchor(0), (Anchor{5, 6}));
  EXPECT_EQ(head.anchor(1), (Anchor{8, 9}));
}

TEST(AnchorHead, ScalesRegionAnchorsByTheSidesOfACell) {
  const Network network = with_heads();
  const AnchorHead head = anchor_head_of(network, 4);
  EXPECT_EQ(head.boxes, 2);
  EXPECT_EQ(head.scale_x_y, 1);
  EXPECT_TRUE(head.softmax);
  EXPECT_EQ(head.anchor(0), (Anchor{32, 48}));
  EXPECT_EQ(head.anchor(1), (Anchor{16, 6}));
}

TEST(AnchorHead, RefusesAnotherLayer) {
  try {
    anchor_head_of(with_heads(), 1);
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.place(), HasSubstr("narrow"));
    EXPECT_THAT(e.message(), HasSubstr("has no anchors"));
  }
}

}  // namespace
}  // namespace oko::graph
