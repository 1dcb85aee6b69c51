#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "oko/jobs/backend.h"
#include "oko/jobs/folder.h"
#include "oko/jobs/spec.h"
#include "oko/storage/store.h"

namespace oko::jobs {

// A folder of its own for each test, in which jobs are registered.
class Jobs : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "jobs-" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name() + "-" +
            std::to_string(::getpid());
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
    ::setenv("OKO_JOBS", (root_ + "/registry").c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("OKO_JOBS");
    std::filesystem::remove_all(root_);
  }

  std::string file(const std::string& name) const { return root_ + "/" + name; }
  std::string text(const std::string& name) const { return storage::read_text(file(name)); }
  // A program in shell.
  std::string script(const std::string& name, const std::string& body) const {
    storage::write(file(name), std::string_view("#!/bin/sh\n" + body));
    ::chmod(file(name).c_str(), 0755);
    return file(name);
  }
  // A job whose folder is `job`, written there.
  Spec spec() const {
    Spec spec;
    spec.id = "roses-1";
    spec.backend = "local";
    spec.folder = file("job");
    spec.command = {"train", "photos"};
    spec.run = file("job/run");
    spec.created = 1'790'000'000;
    spec.version = "0.1.0";
    return spec;
  }
  static void write_spec(const Spec& spec) {
    open_folder(spec.folder)->write(kSpecFile, to_json(spec).dump());
  }

  std::string root_;
};

}  // namespace oko::jobs
