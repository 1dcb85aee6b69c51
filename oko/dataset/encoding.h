#pragma once

#include <string>
#include <string_view>

#include "oko/base/bytes.h"

namespace oko::dataset {

// A text file as UTF-8 without byte order mark; the file's own bytes where they are that already.
class Text {
 public:
  // By the byte order mark, else the encoding that an XML declaration names, else UTF-8, else what
  // a detector takes it for. Throws an input Error where no such decoding succeeds.
  Text(Bytes bytes, const std::string& name);

  std::string_view text() const { return is_decoded_ ? decoded_ : bytes_.text().substr(skipped_); }
  const std::string& detected() const { return detected_; }  // the detector's guess, or ""

 private:
  bool decode(std::string_view text, const std::string& encoding);

  Bytes bytes_;
  std::size_t skipped_ = 0;
  bool is_decoded_ = false;
  std::string decoded_, detected_;
};

}  // namespace oko::dataset
