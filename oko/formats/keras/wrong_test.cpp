#include <gmock/gmock.h>

#include <cmath>

#include "oko/base/error.h"
#include "oko/formats/darknet.h"
#include "oko/formats/keras.h"
#include "oko/storage/store.h"

namespace oko::formats {
namespace {

using ::testing::HasSubstr;

// Small files written by h5py; they are also the fuzzer's seeds.
std::string seed(const std::string& name) {
  return storage::read_text(std::string(OKO_FORMATS_FOLDER) + "/../../fuzz/corpus/keras/" + name);
}

std::string error_of(const std::string& file) {
  try {
    read_keras(Bytes(std::string_view(file)), "m.h5");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string replaced(std::string file, const std::string& from, const std::string& to) {
  EXPECT_EQ(from.size(), to.size());
  const std::size_t at = file.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? file : file.replace(at, to.size(), to);
}

// The file with another model_config, padded with spaces to the old length.
std::string with_model(std::string json) {
  std::string file = seed("layers.h5");
  const std::size_t begin = file.find("{\"class_name\""), end = file.find('\0', begin);
  EXPECT_LE(json.size(), end - begin);
  json.resize(end - begin, ' ');
  return file.replace(begin, json.size(), json);
}

std::string with_layers(const std::string& layers, const std::string& shape = "[null,8,8,2]") {
  return with_model(R"({"class_name":"Sequential","config":[{"class_name":"InputLayer","config":)"
                    R"({"name":"in","batch_input_shape":)" +
                    shape + "}}" + layers + "]}");
}

TEST(WrongKerasFiles, AreDistinguishedFromHdf5) {
  EXPECT_EQ(error_of("PK\3\4 and so on"),
            "m.h5: is a zip archive, as Keras 3 saves models (.keras) (save the model as HDF5: "
            "model.save(\"model.h5\"))");
  EXPECT_EQ(error_of("no such thing"),
            "m.h5: is not an HDF5 file (give the .h5 file that Keras saved)");
  EXPECT_EQ(error_of(""), "m.h5: is not an HDF5 file (give the .h5 file that Keras saved)");
}

TEST(WrongKerasFiles, TruncatedAnywhereAreRejected) {
  for (const char* name : {"sequential.h5", "new_format.h5", "nested.h5"}) {
    const std::string whole = seed(name);
    ASSERT_EQ(error_of(whole), "no error");
    // The last bytes of a file may be unused.
    for (std::size_t length = 8; length < whole.size() / 2; length += 61) {
      EXPECT_NE(error_of(whole.substr(0, length)), "no error") << name << " " << length;
    }
  }
}

TEST(WrongKerasFiles, WithAnyByteChangedAreReadOrRejected) {
  for (const char* name : {"sequential.h5", "new_format.h5"}) {
    const std::string whole = seed(name);
    for (std::size_t i = 0; i < whole.size(); i += 7) {
      std::string file = whole;
      file[i] = static_cast<char>(file[i] ^ 0xff);
      error_of(file);
    }
  }
}

TEST(WrongKerasFiles, NameTheStructureThatIsBroken) {
  const std::string file = seed("sequential.h5");
  EXPECT_THAT(error_of(replaced(file, "TREE", "TRIE")),
              HasSubstr("expected \"TREE\" (the file is damaged: copy it again)"));
  EXPECT_THAT(error_of(replaced(file, "SNOD", "SNOW")), HasSubstr("expected \"SNOD\""));
  EXPECT_THAT(error_of(replaced(file, "GCOL", "GOAL")), HasSubstr("expected \"GCOL\""));
  EXPECT_THAT(error_of(replaced(file, "HEAP", "HEAR")), HasSubstr("expected \"HEAP\""));
  std::string other = file;
  other[8] = 7;
  EXPECT_THAT(error_of(other), HasSubstr("m.h5@9: the file has a superblock of version 7"));
  EXPECT_EQ(error_of(replaced(file, "model_config", "model_confix")),
            "m.h5: contains only weights, no model (attribute model_config) (name their network "
            "with --network, or save with model.save())");
  EXPECT_EQ(error_of(replaced(file, "layer_names", "layer_manes")),
            "m.h5: has no list of layers (attribute layer_names) (use a file written by Keras' "
            "model.save() or model.save_weights())");
}

TEST(WrongKerasFiles, NameTheUnsupportedLayer) {
  EXPECT_EQ(error_of(with_layers(R"(,{"class_name":"Lambda","config":{"name":"box"}})")),
            "m.h5: box (Lambda): oko does not support this kind of layer (cut the model before "
            "this layer and save it again)");
  EXPECT_EQ(
      error_of(with_layers(R"(,{"class_name":"LeakyReLU","config":{"name":"l","alpha":0.3}})")),
      "m.h5: l (LeakyReLU): applies leaky ReLU with slope 0.3; oko supports only slope 0.1 (train "
      "with ReLU, ReLU6 or LeakyReLU(0.1))");
  EXPECT_EQ(error_of(with_layers(
                R"(,{"class_name":"Activation","config":{"name":"a","activation":"elu"}})")),
            "m.h5: a (Activation): activation \"elu\" is not supported (use relu, relu6, "
            "sigmoid, swish, mish, softmax or a LeakyReLU layer)");
  EXPECT_EQ(error_of(with_layers(
                R"(,{"class_name":"MaxPooling2D","config":{"name":"p","pool_size":[2,3]}})")),
            "m.h5: p (MaxPooling2D): pool_size [2,3] is not square, which oko needs (use a "
            "square one)");
  EXPECT_EQ(error_of(with_layers(R"(,{"class_name":"UpSampling2D","config":{"name":"u",)"
                                 R"("interpolation":"bilinear"}})")),
            "m.h5: u (UpSampling2D): interpolates (bilinear); oko supports only nearest neighbour "
            "here (use nearest-neighbour upsampling)");
}

TEST(WrongKerasFiles, NameTheLayerWhoseWeightsDoNotFit) {
  EXPECT_EQ(
      error_of(with_layers(R"(,{"class_name":"Conv2D","config":{"name":"gone","filters":4}})")),
      "m.h5: gone (Conv2D): the file has no kernel for it; it contains no weights (save the model "
      "again)");
  EXPECT_EQ(
      error_of(with_layers(R"(,{"class_name":"Conv2D","config":{"name":"first","filters":9}})")),
      "m.h5: first (Conv2D): has 9 filters, but its kernel has 4");
  EXPECT_EQ(error_of(with_layers(R"(,{"class_name":"Conv2D","config":{"name":"first",)"
                                 R"("filters":4,"kernel_size":3}})")),
            "m.h5: first (Conv2D): the kernel is F32 [4, 3, 3, 3], it should be F32 [4, 2, 3, 3] "
            "(out, in, height, width)");
  EXPECT_EQ(error_of(with_layers("", "[null,null,8,3]")),
            "m.h5: in (InputLayer): the file does not fix the input size (set it, for example with "
            "--size 416x416)");
  EXPECT_EQ(error_of(with_layers("", "[null,8]")),
            "m.h5: in (InputLayer): the input [null,8] is not an image (oko's networks read rows, "
            "columns and channels)");
}

// The file with NaN as its weight's first value.
std::string with_nan(std::string file, const graph::Tensor& weight) {
  const float nan = NAN;
  const std::size_t at = file.find(weight.data.text());
  EXPECT_NE(at, std::string::npos);
  return file.replace(at, sizeof nan, reinterpret_cast<const char*>(&nan), sizeof nan);
}

TEST(WrongKerasFiles, NameTheWeightThatIsNotANumber) {
  std::string file = seed("sequential.h5");
  const graph::Network network = read_keras(Bytes(std::string_view(file)), "m.h5").network;
  const std::string bias = network.layers[0].name + ".bias";
  EXPECT_THAT(error_of(with_nan(file, network.weights.find(bias)->second)),
              HasSubstr("m.h5: " + bias + "[0] is nan (the file is damaged"));

  file = seed("weights.h5");
  const graph::Network empty = read_darknet_cfg(
      "[net]\nwidth=8\nheight=6\nchannels=3\n[convolutional]\nbatch_normalize=1\nfilters=4\n"
      "size=3\nstride=2\npad=1\nactivation=linear\n[convolutional]\nbatch_normalize=1\nfilters=4\n"
      "groups=4\nsize=3\npad=1\nactivation=linear\n[route]\nlayers=-1,-2\n[convolutional]\n"
      "filters=18\nsize=1\nactivation=linear\n",
      "m.cfg");
  graph::Network filled = empty;
  read_keras_weights(Bytes(std::string_view(file)), "m.h5", filled);
  const std::string broken = with_nan(file, filled.weights.at("layers.0.variance"));
  graph::Network none = empty;
  try {
    read_keras_weights(Bytes(std::string_view(broken)), "m.h5", none);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("layers.0.variance[0] is nan"));
  }
  EXPECT_TRUE(none.weights.empty());
}

TEST(WrongKerasFiles, NameTheLayerInACycle) {
  EXPECT_EQ(error_of(with_model(
                R"({"class_name":"Model","config":{"layers":[{"class_name":"Add","name":"a",)"
                R"("config":{},"inbound_nodes":[[["b",0,0]]]},{"class_name":"Add","name":"b",)"
                R"("config":{},"inbound_nodes":[[["a",0,0]]]}],"output_layers":[["a",0,0]]}})")),
            "m.h5: a: reads from a missing layer, or from itself (the file is damaged: "
            "save the model again)");
  EXPECT_THAT(error_of(with_model(R"({"class_name": )")), HasSubstr("m.h5: model_config@"));
}

}  // namespace
}  // namespace oko::formats
