#pragma once

namespace oko::formats::coreml {

// How many values a row has that Core ML's suppression reads of an ML Program: `values`, or more.
//
// Of wider rows whose number of values is not a multiple of 80 it loses boxes or shows wrong ones
// (issues 2158 and 2445 of coremltools, 8461 and 22309 of ultralytics), but only behind a program
// and only on Apple's own processors. That is what it would do if it took rows to follow each other
// that the program stored at multiples of 64 bytes, which for a few values it does not. Multiples
// of 80 are both what is known to work and multiples of 64 bytes.
constexpr int suppressed_row(int values) {
  constexpr int kFew = 8, kStep = 80;
  return values < kFew ? values : (values + kStep - 1) / kStep * kStep;
}

}  // namespace oko::formats::coreml
