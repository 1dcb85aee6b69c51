#include "oko/cli/detect_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <span>

#include "oko/cli/cli.h"
#include "oko/media/draw.h"

namespace oko::cli {
namespace {

// A text cell. One that a spreadsheet would take for a formula gets a leading '.
std::string cell(std::string text) {
  if (text.find_first_of("=+-@\t\r\n") == 0) text.insert(0, 1, '\'');
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"') result += '"';
    result += c;
  }
  return result + '"';
}

}  // namespace

std::string class_name(const graph::Network& network, int class_id) {
  const auto i = static_cast<std::size_t>(class_id);
  return i < network.classes.size() ? network.classes[i] : fmt::format("class {}", class_id);
}

std::string counts_text(const graph::Network& network, const detect::Result& result) {
  std::map<int, int> counts;
  for (const detect::Detection& d : result.detections) ++counts[d.class_id];
  if (counts.empty()) return "nothing";
  std::vector<std::pair<int, int>> order(counts.begin(), counts.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (const auto& [id, count] : order) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, class_name(network, id));
  }
  return text;
}

void draw_found(image::Picture& picture, const graph::Network& network, const Found& found) {
  // The best last, so that its label is on top.
  for (std::size_t i = found.result.detections.size(); i-- > 0;) {
    const detect::Detection& d = found.result.detections[i];
    const std::string name = class_name(network, d.class_id);
    if (found.ids.empty()) {
      media::draw_box(picture, d.box, fmt::format("{} {:.2f}", name, d.score),
                      media::color_of_class(d.class_id));
    } else {  // the id is what one looks for
      media::draw_box(picture, d.box, fmt::format("{} #{}", name, found.ids[i]),
                      media::color_of_class(static_cast<int>(found.ids[i] % 1000)));
    }
  }
}

Json found_json(const graph::Network& network, const Found& found) {
  Json detections = Json::array();
  for (std::size_t i = 0; i < found.result.detections.size(); ++i) {
    const detect::Detection& d = found.result.detections[i];
    Json detection = {{"class", class_name(network, d.class_id)},
                      {"class_id", d.class_id},
                      {"score", d.score},
                      {"box", {d.box.left, d.box.top, d.box.right, d.box.bottom}}};
    if (!found.ids.empty()) detection["id"] = found.ids[i];
    detections.push_back(std::move(detection));
  }
  Json document = {{"source", found.source}};
  if (found.frame >= 0) document["frame"] = found.frame;
  document["width"] = found.size.width;
  document["height"] = found.size.height;
  document["best_score"] = found.result.best_score;
  document["detections"] = std::move(detections);
  return document;
}

std::string csv_heading(bool ids) {
  return fmt::format("source,frame,class,score,left,top,right,bottom{}\n", ids ? ",id" : "");
}

std::string csv_lines(const graph::Network& network, const Found& found) {
  const std::string frame = found.frame >= 0 ? std::to_string(found.frame) : "";
  std::string lines;
  for (std::size_t i = 0; i < found.result.detections.size(); ++i) {
    const detect::Detection& d = found.result.detections[i];
    lines += fmt::format("{},{},{},{:.4f},{:.2f},{:.2f},{:.2f},{:.2f}{}\n", cell(found.source),
                         frame, cell(class_name(network, d.class_id)), d.score, d.box.left,
                         d.box.top, d.box.right, d.box.bottom,
                         found.ids.empty() ? "" : fmt::format(",{}", found.ids[i]));
  }
  return lines;
}

BoxesCsv::BoxesCsv(std::string uri, bool ids) : uri_(std::move(uri)) {
  if (storage::is_local(uri_)) {
    storage::write(uri_, csv_heading(ids));
  } else {
    upload_ = storage::upload(uri_);
    write(csv_heading(ids));
  }
}

BoxesCsv::~BoxesCsv() {
  try {
    close();
  } catch (const Error&) {  // an error is already being thrown
  }
}

void BoxesCsv::add(const graph::Network& network, const Found& found) {
  if (!found.result.detections.empty()) write(csv_lines(network, found));
}

void BoxesCsv::close() {
  if (upload_) std::exchange(upload_, nullptr)->finish();
}

void BoxesCsv::write(const std::string& lines) {
  if (upload_) {
    upload_->write(std::as_bytes(std::span(lines)));
  } else {
    storage::append(uri_, lines);
  }
}

ResultsJson::ResultsJson(std::ostream& out) : out_(out) {}

void ResultsJson::add(const Json& result) {
  out_ << (is_first_ ? "{\"results\": [\n" : ",\n");
  write(result);
  out_ << std::flush;
  is_first_ = false;
}

void ResultsJson::close(const Json& rest) {
  out_ << (is_first_ ? "{\"results\": [" : "\n") << ']';
  for (const auto& [key, value] : rest.items()) {
    out_ << ",\n\"" << key << "\": ";
    write(value);
  }
  out_ << "}\n" << std::flush;
}

void ResultsJson::write(const Json& value) { out_ << json_text(value); }

}  // namespace oko::cli
