// Source files of wrappers. Not part of the library's interface.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oko/formats/format.h"
#include "oko/formats/wrappers/identifiers.h"
#include "oko/graph/network.h"

namespace oko::formats::wrappers {

// Fills templates (wrappers/templates.h) with what is known of one network. The network, options
// and stem must outlive it.
class Source {
 public:
  Source(const graph::Network& network, const WriteOptions& options, const std::string& stem);

  // Values available to every template.
  std::vector<Value> values(Language language) const;
  // The name of the model's file, without folders, as a literal.
  std::string file_literal(const char* ending, Language language) const;

  File swift(std::string_view text) const;                       // "<Name>Detector.swift"
  File kotlin(std::string_view text, const char* ending) const;  // "<Name>Detector.kt"
  File typescript(std::string_view text,
                  std::vector<Value> more = {}) const;  // "<stem>_detector.ts"
  File cpp(std::string_view text) const;                // "<stem>_detector.h"

 private:
  std::string folder() const;
  std::string cases(Language language) const;
  std::string label_list(Language language) const;
  bool has_own_scores() const;
  std::string score(Language language) const;
  std::string own_scores(Language language) const;

  const graph::Network& network_;
  const WriteOptions& options_;
  const std::string& stem_;
  std::string name_;
  std::vector<std::string> labels_;
};

}  // namespace oko::formats::wrappers
