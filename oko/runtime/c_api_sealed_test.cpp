// Sealed models through the C API.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oko/oko.h>

#include <oko/oko.hpp>

#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "oko/runtime/test_sealed.h"

namespace oko::runtime {
namespace {

using ::testing::HasSubstr;

TEST_F(SealedModels, DetectAsPlainOnes) {
  const graph::Network plain = network(false);
  const auto bytes = graph::write_oko(plain);
  oko_model *sealed_model = nullptr, *plain_model = nullptr;
  ASSERT_EQ(open(sealed(plain), &sealed_model), OKO_OK) << oko_last_error();
  ASSERT_EQ(
      oko_model_open_memory(bytes.data(), bytes.size(), nullptr, nullptr, nullptr, &plain_model),
      OKO_OK);
  std::vector<float> maps[2];
  for (int i = 0; i < 2; ++i) {
    oko_model* model = i == 0 ? sealed_model : plain_model;
    oko_detector* detector = nullptr;
    ASSERT_EQ(oko_detector_create(model, nullptr, &detector), OKO_OK);
    oko_model_close(model);  // the detector keeps what it needs
    const std::vector<float> input(3 * 64 * 64, .5F);
    ASSERT_EQ(oko_run(detector, input.data(), input.size()), OKO_OK);
    const float* values = nullptr;
    std::size_t count = 0;
    ASSERT_EQ(oko_head_map(detector, 0, &values, &count), OKO_OK);
    maps[i].assign(values, values + count);
    oko_detector_destroy(detector);
  }
  EXPECT_EQ(maps[0], maps[1]);
}

TEST_F(SealedModels, AreRefusedEachWithItsCode) {
  const auto file = sealed(network(false));
  EXPECT_EQ(status_of(file), OKO_OK) << oko_last_error();
  const oko_seal_options good = options_;
  options_.model = "coins";
  EXPECT_EQ(status_of(file), OKO_OTHER_MODEL);
  options_ = good;
  options_.app_version = "2.3";
  EXPECT_EQ(status_of(file), OKO_OLD_APP);
  options_ = good;
  options_.now = 2000;
  EXPECT_EQ(status_of(file), OKO_EXPIRED);
  options_.now = 0;  // today is later
  EXPECT_EQ(status_of(file), OKO_EXPIRED);
  options_ = good;
  const std::string other = seal::SecretKey::make().public_key().text();
  options_.signer = other.c_str();
  EXPECT_EQ(status_of(file), OKO_BAD_SIGNATURE);
  options_ = good;
  const std::string secret = seal::X25519Identity::make().text();
  options_.identity = secret.c_str();
  EXPECT_EQ(status_of(file), OKO_NO_KEY);
  options_ = good;
  auto damaged = file;
  damaged[damaged.size() - 2000] ^= std::byte{1};
  EXPECT_EQ(status_of(damaged), OKO_BAD_MODEL);
  EXPECT_EQ(status_of(graph::write_oko(network(false))), OKO_BAD_MODEL);
}

TEST_F(SealedModels, NeedKeysAndNoCache) {
  const auto file = sealed(network(false));
  const oko_seal_options good = options_;
  options_.signer = nullptr;
  EXPECT_EQ(status_of(file), OKO_INVALID_ARGUMENT);
  options_ = good;
  options_.identity = nullptr;
  EXPECT_EQ(status_of(file), OKO_INVALID_ARGUMENT);
  options_.identity = good.identity;
  options_.now = -1;
  EXPECT_EQ(status_of(file), OKO_INVALID_ARGUMENT);
  options_ = good;
  options_.signer = "RWnokey";
  EXPECT_EQ(status_of(file), OKO_INVALID_ARGUMENT);
  options_ = good;
  options_.struct_size = sizeof options_.struct_size + 4;
  EXPECT_EQ(status_of(file), OKO_INVALID_ARGUMENT);
  options_ = good;
  options_.identity = "AGE-SECRET-KEY-1QQQ";
  EXPECT_EQ(status_of(file), OKO_INVALID_ARGUMENT);
  EXPECT_EQ(std::string(oko_last_error()).find("QQQ"), std::string::npos);
  options_ = good;
  oko_model_options cached{};
  cached.struct_size = sizeof cached;
  cached.cache_path = "/nowhere/packed";
  oko_model* model = nullptr;
  EXPECT_EQ(open(file, &model, &cached), OKO_INVALID_ARGUMENT);
  EXPECT_THAT(oko_last_error(), HasSubstr("cache_path"));
}

TEST_F(SealedModels, AreOpenedByHardware) {
  const auto file = sealed(network(false));
  options_.identity = nullptr;
  struct Hardware {
    const seal::X25519Identity* key;
    int calls = 0;
  } hardware{&*identity_};
  options_.unwrap_context = &hardware;
  options_.unwrap = [](void* context, const oko_stanza* given, std::uint8_t* file_key) {
    auto& self = *static_cast<Hardware*>(context);
    ++self.calls;
    seal::Stanza stanza;
    stanza.type = given->type;
    stanza.arguments.assign(given->arguments, given->arguments + given->argument_count);
    const auto* body = reinterpret_cast<const std::byte*>(given->body);
    stanza.body.assign(body, body + given->body_size);
    const auto key = self.key->unwrap(stanza);
    if (!key) return 0;
    std::memcpy(file_key, key->data(), key->size());
    return 1;
  };
  EXPECT_EQ(status_of(file), OKO_OK) << oko_last_error();
  EXPECT_EQ(hardware.calls, 1);
  options_.unwrap = [](void*, const oko_stanza*, std::uint8_t*) { return 0; };
  EXPECT_EQ(status_of(file), OKO_NO_KEY);
  options_.unwrap = [](void*, const oko_stanza*, std::uint8_t*) { return -1; };
  EXPECT_EQ(status_of(file), OKO_NO_KEY);
  // A wrong key of the right length.
  options_.unwrap = [](void*, const oko_stanza*, std::uint8_t* key) {
    std::memset(key, 7, 16);
    return 1;
  };
  EXPECT_EQ(status_of(file), OKO_BAD_MODEL);
}

TEST_F(SealedModels, AreNotOpenedOlderThanBefore) {
  struct Store {
    std::uint64_t release = 0;
    bool works = true, reads = true;
  } store;
  options_.releases.context = &store;
  options_.releases.get = [](void* context, const char* model, std::uint64_t* release) {
    EXPECT_STREQ(model, "cards");
    *release = static_cast<Store*>(context)->release;
    return static_cast<Store*>(context)->reads ? 1 : -1;
  };
  options_.releases.set = [](void* context, const char*, std::uint64_t release) {
    auto& self = *static_cast<Store*>(context);
    if (self.works) self.release = release;
    return self.works ? 1 : -1;
  };
  const auto old = sealed(network(false));
  release_.release = 8;
  const auto newer = sealed(network(false));
  EXPECT_EQ(status_of(old), OKO_OK);
  EXPECT_EQ(store.release, 7U);
  store.works = false;
  EXPECT_EQ(status_of(newer), OKO_STORAGE);
  store.works = true;
  EXPECT_EQ(status_of(newer), OKO_OK);
  EXPECT_EQ(store.release, 8U);
  EXPECT_EQ(status_of(old), OKO_OLD_RELEASE);
  EXPECT_EQ(status_of(newer), OKO_OK);
  store.reads = false;  // a keychain that is locked
  EXPECT_EQ(status_of(newer), OKO_STORAGE);
}

// What another program reads: here the text of a Core ML model, say.
TEST_F(SealedModels, GiveFilesOfOtherFormats) {
  const std::string inside = "the bytes of a model in another format";
  const auto file =
      seal::pack(std::as_bytes(std::span(inside)), network(false), "coreml", release_,
                 seal::read_recipients(identity_->recipient().text(), "key"), *signer_);
  EXPECT_EQ(status_of(file), OKO_BAD_MODEL);
  EXPECT_THAT(oko_last_error(), HasSubstr("oko_content_open"));
  oko_content* content = nullptr;
  ASSERT_EQ(oko_content_open(file.data(), file.size(), &options_, &content), OKO_OK)
      << oko_last_error();
  std::size_t size = 0;
  const void* bytes = oko_content_bytes(content, &size);
  EXPECT_EQ(std::string(static_cast<const char*>(bytes), size), inside);
  oko_content_close(content);
  oko_content_close(nullptr);
  EXPECT_EQ(oko_content_bytes(nullptr, &size), nullptr);
  EXPECT_EQ(size, 0U);
  const std::string path = testing::TempDir() + "content.mlmodel.sealed";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
  content = nullptr;
  ASSERT_EQ(oko_content_open_file(path.c_str(), &options_, &content), OKO_OK) << oko_last_error();
  oko_content_close(content);
  phone::SealOptions in_cpp;
  in_cpp.signer = public_key_;
  in_cpp.identity = secret_;
  in_cpp.now = 1000;
  const auto opened = phone::Content::open(path, in_cpp);
  ASSERT_TRUE(opened) << opened.error().text;
  EXPECT_EQ(opened->bytes().size(), inside.size());
  content = nullptr;
  options_.model = "coins";
  EXPECT_EQ(oko_content_open_file(path.c_str(), &options_, &content), OKO_OTHER_MODEL);
  EXPECT_EQ(content, nullptr);
}

TEST_F(SealedModels, OpenFromFilesAndInCpp) {
  const std::string path = testing::TempDir() + "c_api_sealed.oko.sealed";
  const auto file = sealed(network(false));
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
  phone::SealOptions options;
  options.signer = public_key_;
  options.identity = secret_;
  options.now = 1000;
  const auto model = phone::Model::open_sealed(path, options);
  ASSERT_TRUE(model) << model.error().text;
  EXPECT_EQ(model->class_name(1), "dog");
  options.identity.clear();
  options.unwrap = [this](const phone::Stanza& given) -> std::optional<phone::FileKey> {
    const auto* body = reinterpret_cast<const std::byte*>(given.body);
    const auto key =
        identity_->unwrap({given.type, {given.arguments[0]}, {body, body + given.body_size}});
    phone::FileKey copy{};
    std::memcpy(copy.data(), key->data(), copy.size());
    return copy;
  };
  EXPECT_TRUE(phone::Model::open_sealed(std::span<const std::byte>(file), options));
  options.model = "coins";
  EXPECT_EQ(phone::Model::open_sealed(path, options).error().status, phone::Status::kOtherModel);
  std::remove(path.c_str());
}

}  // namespace
}  // namespace oko::runtime
