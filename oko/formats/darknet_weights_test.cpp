#include <gmock/gmock.h>

#include "oko/base/error.h"
#include "oko/formats/darknet_test.h"

namespace oko::formats {
namespace {

TEST(ReadDarknetWeights, LoadsEveryReferenceFile) {
  OKO_NEEDS_REFERENCE_MODELS();
  for (const char* file : {"yolo-fastest-1.1", "yolo-fastest-1.1-xl",
                           "MobileNetV2-YOLOv3-Nano-coco", "yoloface-500k", "yoloface-50k"}) {
    SCOPED_TRACE(file);
    const std::string path = storage::join(reference_models(), std::string("darknet/") + file);
    graph::Network network = read_cfg(path + ".cfg");
    const Bytes bytes = storage::map(path + ".weights");
    const DarknetWeights header = read_darknet_weights(bytes, file, network);
    EXPECT_TRUE(header.complete);
    EXPECT_NO_THROW(graph::check_weights(network));
    const auto written = write_darknet_weights(network, header);
    EXPECT_TRUE(std::ranges::equal(written, bytes.span()));
    EXPECT_EQ(darknet_classes_from_size(network, bytes), network.class_count());
  }
}

}  // namespace
}  // namespace oko::formats
