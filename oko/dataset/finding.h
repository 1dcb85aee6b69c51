#pragma once

#include <string>
#include <vector>

namespace oko::dataset {

// One problem or oddity in a dataset. docs/datasets.md lists the kinds.
struct Finding {
  // Error: training or its metrics would be wrong. Warning: it was worked around (a box dropped,
  // corners swapped). Note: odd but harmless.
  enum class Severity { kError, kWarning, kNote };
  Severity severity = Severity::kWarning;
  std::string kind;     // stable identifier: "empty-box", "missing-image", …
  std::string place;    // file:line
  std::string message;  // what was found
  std::string repair;   // what --repair does about it; empty if nothing
  std::string sample;   // id of the sample it is about, if any
  int object = -1;      // index in that sample's objects, or -1
  // What repair() has to do. Nothing if it cannot do anything, or if reading already has.
  enum class Fix {
    kNothing,
    kDropPicture,
    kDropBox,
    kClipBox,
    kScaleBoxes,
    kTakeSize,
    kRightExtension,
    kMergeClass
  };
  Fix fix = Fix::kNothing;
  // What reading dropped because of it, including duplicate boxes that it kept once.
  int images_lost = 0, boxes_lost = 0, boxes_repeated = 0;
};

// Kinds that other folders compare with.
inline constexpr const char *kSplitLeak = "split-leak", *kUnreadableImage = "unreadable-image";

const char* name_of(Finding::Severity severity);  // "error", "warning", "note"

// Appends a finding and returns it.
Finding& add_error(std::vector<Finding>& findings, std::string kind, std::string place,
                   std::string message, std::string repair = {});
Finding& add_warning(std::vector<Finding>& findings, std::string kind, std::string place,
                     std::string message, std::string repair = {});
Finding& add_note(std::vector<Finding>& findings, std::string kind, std::string place,
                  std::string message, std::string repair = {});

// Throws the first finding of severity kError, if there is one, as an input Error at its place.
void throw_first_error(const std::vector<Finding>& findings, const std::string& uri);

}  // namespace oko::dataset
