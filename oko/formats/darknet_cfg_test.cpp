#include <gmock/gmock.h>

#include "oko/base/error.h"
#include "oko/formats/darknet_test.h"

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

}  // namespace
}  // namespace oko::formats
