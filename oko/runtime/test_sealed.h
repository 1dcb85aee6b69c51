#pragma once

#include <gtest/gtest.h>
#include <oko/oko.h>

#include <optional>
#include <string>
#include <vector>

#include "oko/graph/oko_file.h"
#include "oko/graph/synthetic.h"
#include "oko/seal/pack/pack.h"
#include "oko/seal/x25519.h"

namespace oko::runtime {

// Weights that are seen nowhere else in this process.
inline graph::Network network(bool dilated) {
  graph::Network network;
  network.name = "small";
  network.input = {3, 64, 64};
  network.classes = {"cat", "dog"};
  graph::Convolution first{96, 3, 2, 1, graph::Padding::all(1), {}, graph::Activation::kLeaky};
  graph::Convolution second{
      64, 3, 1, 1, graph::Padding::all(dilated ? 2 : 1), {}, graph::Activation::kLeaky};
  second.dilation = dilated ? 2 : 1;
  graph::Convolution last{7, 1, 1, 1, {}, {}, graph::Activation::kLinear};
  network.layers = {{"a", first, {graph::kNetworkInput}, {}},
                    {"b", second, {0}, {}},
                    {"c", last, {1}, {}},
                    {"d", graph::Yolo{{{20, 30}}, {0}, 2}, {2}, {}}};
  graph::infer_shapes(network);
  graph::fill_synthetic_weights(network);
  return network;
}

class SealedModels : public testing::Test {
 protected:
  void SetUp() override {
    seal::start_sodium();
    signer_.emplace(seal::SecretKey::make());
    identity_.emplace(seal::X25519Identity::make());
    public_key_ = signer_->public_key().text();
    secret_ = identity_->text();
    release_.model = "cards";
    release_.release = 7;
    release_.minimum_app = "2.4";
    release_.expires = 2000;
    options_.struct_size = sizeof options_;
    options_.signer = public_key_.c_str();
    options_.identity = secret_.c_str();
    options_.now = 1000;
  }

  std::vector<std::byte> sealed(const graph::Network& network,
                                graph::Precision storage = graph::Precision::kFloat32) const {
    return sealed_for(network, identity_->recipient().text(), storage);
  }
  std::vector<std::byte> sealed_for(const graph::Network& network, const std::string& recipient,
                                    graph::Precision storage = graph::Precision::kFloat32) const {
    return seal::pack(graph::write_oko(network, {}, storage), network, "oko", release_,
                      seal::read_recipients(recipient, "key"), *signer_);
  }
  oko_status open(const std::vector<std::byte>& file, oko_model** model,
                  const oko_model_options* options = nullptr) const {
    return oko_model_open_sealed(file.data(), file.size(), &options_, options, model);
  }
  oko_status status_of(const std::vector<std::byte>& file) const {
    oko_model* model = nullptr;
    const oko_status status = open(file, &model);
    EXPECT_EQ(model == nullptr, status != OKO_OK);
    oko_model_close(model);
    return status;
  }

  std::optional<seal::SecretKey> signer_;
  std::optional<seal::X25519Identity> identity_;
  std::string public_key_, secret_;
  seal::Release release_;
  oko_seal_options options_{};
};

}  // namespace oko::runtime
