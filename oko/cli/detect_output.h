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

// What was found in one picture, or in one frame of a clip.
struct Found {
  std::string source;
  long frame = -1;   // in a clip, from 0; −1 for a picture
  image::Size size;  // upright
  detect::Result result;
};

// The name of a class, or its number where the model has no names.
std::string class_name(const graph::Network& network, int class_id);

// "2 dog, 1 cat", the most frequent first; "nothing".
std::string counts_text(const graph::Network& network, const detect::Result& result);

// Draws every detection with its class and score.
void draw_found(image::Picture& picture, const graph::Network& network,
                const detect::Result& result);

Json found_json(const graph::Network& network, const Found& found);

// The first line of the CSV, and the lines of one picture (RFC 4180 quoting). A source or class
// that begins like a spreadsheet's formula (= + - @, a tab or line break) gets a ' before it.
std::string csv_heading();
std::string csv_lines(const graph::Network& network, const Found& found);

// A file of boxes that is written as they come: on disk it holds whole lines at any time. In a
// bucket it appears with close(), or when this goes.
class BoxesCsv {
 public:
  explicit BoxesCsv(std::string uri);  // replaces what is there
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

// A JSON document with a member "results", each on a line of its own and written as it comes.
class ResultsJson {
 public:
  explicit ResultsJson(std::ostream& out);
  void add(const Json& result);
  // Ends the document with these members.
  void close(const Json& rest);

 private:
  void write(const Json& value);

  std::ostream& out_;
  bool is_first_ = true;
};

}  // namespace oko::cli
