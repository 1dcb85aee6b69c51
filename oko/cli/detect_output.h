#pragma once

#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "oko/base/json.h"
#include "oko/detect/detector.h"
#include "oko/image/frame.h"
#include "oko/storage/store.h"

namespace oko::cli {

// The detections in one image, or in one frame of a clip.
struct Found {
  std::string source;
  long frame = -1;   // in a clip, from 0; −1 for an image
  image::Size size;  // upright
  detect::Result result;
  std::vector<std::uint64_t> ids{};  // of each detection, if they were followed
};

// The name of a class, or its number if the model has no names.
std::string class_name(const graph::Network& network, int class_id);

// "2 dog, 1 cat", the most frequent first; "nothing".
std::string counts_text(const graph::Network& network, const detect::Result& result);

// Draws every detection with its class and score; with its id and a colour of its own where it has
// one.
void draw_found(image::Picture& picture, const graph::Network& network, const Found& found);

Json found_json(const graph::Network& network, const Found& found);

// The header of the CSV, and the lines of one image (RFC 4180 quoting). A source or class that
// begins like a spreadsheet formula (= + - @, a tab or line break) gets a leading '.
// With `ids` there is a column for them.
std::string csv_heading(bool ids = false);
std::string csv_lines(const graph::Network& network, const Found& found);

// A CSV file written as boxes arrive: on disk it always holds whole lines. In a bucket it appears
// on close() or destruction.
class BoxesCsv {
 public:
  explicit BoxesCsv(std::string uri, bool ids = false);  // replaces an existing file
  ~BoxesCsv();
  BoxesCsv(const BoxesCsv&) = delete;
  BoxesCsv& operator=(const BoxesCsv&) = delete;
  void add(const graph::Network& network, const Found& found);
  void close();

 private:
  void write(const std::string& lines);

  std::string uri_;
  std::unique_ptr<storage::Upload> upload_;  // to a bucket
};

// A JSON document with a member "results", each written on its own line as it arrives.
class ResultsJson {
 public:
  explicit ResultsJson(std::ostream& out);
  void add(const Json& result);
  // Ends the document with these additional members.
  void close(const Json& rest);

 private:
  void write(const Json& value);

  std::ostream& out_;
  bool is_first_ = true;
};

}  // namespace oko::cli
