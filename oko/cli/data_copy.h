#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "oko/cli/data.h"
#include "oko/dataset/dropped.h"
#include "oko/dataset/fit.h"
#include "oko/dataset/write.h"

namespace oko::cli {

// What commands that write a dataset anew have in common: they print what went in and what came
// out, and refuse to lose images, or more than one box of a hundred, before they write anything.

// Adds --allow-loss.
void add_allow_loss(CLI::App& command, bool& allow_loss);

// A dataset that was read in order to be written, and what is not in it.
struct CopySource {
  dataset::Dataset data;  // images that cannot be read are out, sizes known
  dataset::Content in;    // of the source, with what reading dropped
  dataset::Dropped dropped;
  std::string first_place, first_loss;  // of what was lost first; empty where nothing was
  bool lost_by_error = false;           // not by warnings alone
};

// Throws an input Error for errors that lose nothing (two classes of one name), which no flag
// allows.
CopySource load_for_copy(const DataArguments& arguments);

// Throws an input Error where more is lost than may be: an image, a box because of an error in the
// source, or more than 1 % of the boxes.
void expect_small_loss(const CopySource& source, bool allow_loss);
// Whether an image or more than 1 % of the boxes are dropped; "12 of 300 boxes (…) would be lost".
bool loses_much(const dataset::Content& in, const dataset::Dropped& dropped);
std::string loss_text(const dataset::Content& in, const dataset::Dropped& dropped);

// Fits the source to a format and checks what that loses in all; what is written goes into the
// result.
dataset::Fitted fit_for_copy(CopySource& source, const std::string& format, bool allow_loss);

// Pictures of a copy that ends with an Error of kInterrupted, and so leaves nothing, when
// `interrupted` says so.
dataset::PictureFiles interruptible(dataset::PictureFiles pictures, const std::string& folder,
                                    std::function<bool()> interrupted);

// "in: …", "dropped: …", "clipped: …", "out: …" on lines of their own.
void say_copied(const CopySource& source, const dataset::Fitted& written, const std::string& out,
                const std::string& format, const Context& context);
void say_dropped(const dataset::Dropped& dropped, const Context& context);
// Members "in", "dropped" and so on of a command's JSON.
void add_copied(Json& document, const dataset::Content& in, const dataset::Dropped& dropped);
void add_copied(Json& document, const CopySource& source, const dataset::Fitted& written);

}  // namespace oko::cli
