#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "oko/cli/data.h"
#include "oko/dataset/dropped.h"
#include "oko/dataset/fit.h"
#include "oko/dataset/write.h"

namespace oko::cli {

// Shared by the commands that write a copy of a dataset: they print what was read and what was
// written, and refuse to lose images, or more than 1 % of the boxes, before they write anything.

// Adds --allow-loss.
void add_allow_loss(CLI::App& command, bool& allow_loss);

// A dataset that was read in order to be written, and what reading dropped.
struct CopySource {
  dataset::Dataset data;  // without unreadable images, sizes known
  dataset::Content in;    // of the source, including what reading dropped
  dataset::Dropped dropped;
  std::string first_place, first_loss;  // of the first loss; empty if there was none
  bool lost_by_error = false;           // not only by warnings
};

// Throws an input Error for errors that lose nothing (two classes with the same name), which no
// flag allows.
CopySource load_for_copy(const DataArguments& arguments);

// Throws an input Error if too much is lost: an image, a box because of an error in the source, or
// more than 1 % of the boxes.
void expect_small_loss(const CopySource& source, bool allow_loss);
// Whether an image or more than 1 % of the boxes are dropped; "12 of 300 boxes (…) would be lost".
bool loses_much(const dataset::Content& in, const dataset::Dropped& dropped);
std::string loss_text(const dataset::Content& in, const dataset::Dropped& dropped);

// Fits the source to a format and checks the total loss; the result holds what will be written.
dataset::Fitted fit_for_copy(CopySource& source, const std::string& format, bool allow_loss);

// Wraps the image source of a copy: throws an Error of kInterrupted, so that nothing is left
// behind, once `interrupted` returns true.
dataset::PictureFiles interruptible(dataset::PictureFiles pictures, const std::string& folder,
                                    std::function<bool()> interrupted);

// "in: …", "dropped: …", "clipped: …", "out: …", each on its own line.
void say_copied(const CopySource& source, const dataset::Fitted& written, const std::string& out,
                const std::string& format, const Context& context);
void say_dropped(const dataset::Dropped& dropped, const Context& context);
// Members "in", "dropped" and so on of a command's JSON.
void add_copied(Json& document, const dataset::Content& in, const dataset::Dropped& dropped);
void add_copied(Json& document, const CopySource& source, const dataset::Fitted& written);

}  // namespace oko::cli
