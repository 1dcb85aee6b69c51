#include <gmock/gmock.h>

#include "oko/base/error.h"
#include "oko/formats/darknet_test.h"
#include "oko/graph/builtin.h"

namespace oko::formats {
namespace {

using testing::HasSubstr;

TEST(ReadDarknetCfg, ReadsEveryReferenceNetwork) {
  OKO_NEEDS_REFERENCE_MODELS();
  const std::pair<const char*, std::int64_t> kFloats[] = {
      {"cfg/yolov3.cfg", 62001757},
      {"cfg/yolov3-tiny.cfg", 8858734},
      {"cfg/yolov3-voc.cfg", 61678657},
      {"cfg/yolov3-spp.cfg", 63052381},
      {"cfg/yolov2-tiny.cfg", 11237145},
      {"cfg/yolov2-tiny-voc.cfg", 15867885},
      {"cfg/darknet53.cfg", 41645640},
      {"cfg/darknet19.cfg", 20856776},
      {"cfg/darknet.cfg", 7323480},
      {"cfg/tiny.cfg", 1046488},
      {"darknet/yolo-fastest-1.1.cfg", 346062},
      {"darknet/yolo-fastest-1.1-xl.cfg", 923486},
      {"darknet/MobileNetV2-YOLOv3-Nano-coco.cfg", 891070},
      {"darknet/yoloface-500k.cfg", 130140},
      {"darknet/yoloface-50k.cfg", 11248},
  };
  for (const auto& [file, floats] : kFloats) {
    SCOPED_TRACE(file);
    const graph::Network network = read_cfg(storage::join(reference_models(), file));
    EXPECT_EQ(darknet_float_count(network), floats);
    EXPECT_EQ(network.name, storage::stem(file));
  }
}

// The layer without what Darknet and oko set differently on purpose: batch norm's epsilon.
graph::Layer without_epsilon(graph::Layer layer) {
  auto* convolution = std::get_if<graph::Convolution>(&layer.operation);
  if (convolution && convolution->batch_norm) convolution->batch_norm = graph::BatchNorm{};
  return layer;
}

TEST(Builtin, EqualsThePublishedNetworksLayerByLayer) {
  OKO_NEEDS_REFERENCE_MODELS();
  const std::pair<const char*, const char*> kPublished[] = {
      {"yolov3", "cfg/yolov3.cfg"},
      {"yolov3-tiny", "cfg/yolov3-tiny.cfg"},
      {"yolo-fastest", "darknet/yolo-fastest-1.1.cfg"},
      {"yolo-fastest-xl", "darknet/yolo-fastest-1.1-xl.cfg"},
  };
  for (const auto& [name, file] : kPublished) {
    SCOPED_TRACE(name);
    const graph::Network published = read_cfg(storage::join(reference_models(), file));
    // yolov3.cfg is for 608x608 with the anchors of 416x416, so they are given as they are.
    const graph::Network made =
        graph::make_builtin(name, {.width = published.input.width,
                                   .height = published.input.height,
                                   .anchors = graph::anchors_of(published)});
    EXPECT_EQ(graph::anchors_of(graph::make_builtin(name, {})), graph::anchors_of(published));
    ASSERT_EQ(made.layers.size(), published.layers.size());
    for (std::size_t i = 0; i < made.layers.size(); ++i) {
      EXPECT_EQ(made.layers[i], without_epsilon(published.layers[i])) << i;
    }
  }
}

}  // namespace
}  // namespace oko::formats
