#include "oko/convert/ncnn/ncnn.h"

#ifdef OKO_NCNN
#include <datareader.h>
#include <net.h>

#include <algorithm>
#include <cstring>

#include "oko/base/error.h"
#include "oko/formats/heads.h"
#endif

namespace oko::convert {

#ifdef OKO_NCNN
namespace {

class Ncnn : public Executor {
 public:
  Ncnn(std::span<const formats::File> files, const graph::Network& network,
       std::span<const std::string> outputs)
      : input_(network.input), outputs_(outputs.begin(), outputs.end()) {
    if (outputs_.empty()) outputs_ = formats::output_names(network);
    for (const graph::Layer& layer : network.layers) layers_.push_back(layer.name);
    net_.opt.lightmode = false;  // keeps every blob, for run_layers()
    net_.opt.num_threads = 1;
    net_.opt.use_fp16_packed = net_.opt.use_fp16_storage = net_.opt.use_fp16_arithmetic = false;
    net_.opt.use_bf16_packed = net_.opt.use_bf16_storage = false;
    net_.opt.use_int8_inference = false;
    std::string param;
    for (const formats::File& file : files) {
      if (file.name.ends_with(".bin")) {
        bin_.assign(file.bytes.span().begin(), file.bytes.span().end());
      }
      if (!file.name.ends_with(".param")) continue;
      param = file.bytes.text();
    }
    bin_.resize((bin_.size() + 15) / 16 * 16);  // ncnn uses it in place
    if (net_.load_param_mem(param.c_str()) != 0) refuse("the .param");
    const auto* bytes = reinterpret_cast<const unsigned char*>(bin_.data());
    ncnn::DataReaderFromMemory reader(bytes);
    if (net_.load_model(reader) != 0) refuse("the .bin");
    if (net_.input_indexes().size() != 1) refuse("a model with several inputs");
  }

  std::string name() const override { return std::string("ncnn ") + NCNN_VERSION_STRING; }

  std::vector<std::vector<float>> run(std::span<const float> input) override {
    ncnn::Extractor extractor = start(input);
    std::vector<std::vector<float>> maps;
    for (const std::string& output : outputs_) {
      ncnn::Mat map;
      if (extractor.extract(output.c_str(), map) != 0) refuse("the output " + output);
      maps.push_back(planar(map));
    }
    return maps;
  }

  std::map<std::string, std::vector<float>> run_layers(std::span<const float> input) override {
    ncnn::Extractor extractor = start(input);
    std::map<std::string, std::vector<float>> maps;
    const std::vector<ncnn::Blob>& blobs = net_.blobs();
    for (const std::string& layer : layers_) {
      const auto found = std::ranges::find(blobs, layer, &ncnn::Blob::name);
      ncnn::Mat map;
      if (found == blobs.end() || extractor.extract(layer.c_str(), map) != 0) continue;
      maps.emplace(layer, planar(map));
    }
    return maps;
  }

 private:
  [[noreturn]] static void refuse(const std::string& what) {
    throw Error(ErrorCode::kFailed, "ncnn", "rejects " + what);
  }

  ncnn::Extractor start(std::span<const float> input) {
    ncnn::Mat image(input_.width, input_.height, input_.channels);
    const std::size_t plane =
        static_cast<std::size_t>(input_.width) * static_cast<std::size_t>(input_.height);
    for (int c = 0; c < input_.channels; ++c) {  // its planes are padded
      std::memcpy(image.channel(c), input.data() + static_cast<std::size_t>(c) * plane,
                  plane * sizeof(float));
    }
    ncnn::Extractor extractor = net_.create_extractor();
    extractor.set_light_mode(false);
    if (extractor.input(net_.input_indexes().front(), image) != 0) refuse("the input");
    return extractor;
  }

  static std::vector<float> planar(const ncnn::Mat& map) {
    if (map.dims == 1) {
      const auto* values = static_cast<const float*>(map);
      return {values, values + map.w};
    }
    std::vector<float> values;
    for (int c = 0; c < map.c; ++c) {
      const ncnn::Mat plane = map.channel(c);
      const auto* first = static_cast<const float*>(plane);
      values.insert(values.end(), first, first + static_cast<std::ptrdiff_t>(map.w) * map.h);
    }
    return values;
  }

  ncnn::Net net_;
  std::vector<std::byte> bin_;
  graph::Shape input_;
  std::vector<std::string> outputs_, layers_;
};

}  // namespace

std::unique_ptr<Executor> make_ncnn(std::span<const formats::File> files,
                                    const graph::Network& network, std::string*,
                                    std::span<const std::string> outputs) {
  return std::make_unique<Ncnn>(files, network, outputs);
}
#else
std::unique_ptr<Executor> make_ncnn(std::span<const formats::File>, const graph::Network&,
                                    std::string* why, std::span<const std::string>) {
  if (why != nullptr) {
    *why = "oko was built without ncnn (build with -DCMAKE_PREFIX_PATH=<where ncnn is installed>)";
  }
  return nullptr;
}
#endif

}  // namespace oko::convert
