#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/progress.h"
#include "oko/bench/result.h"

// Measuring on an Android phone through Android's own program adb, which is looked up in PATH.
namespace oko::bench {

struct Attached {
  std::string serial, state;  // "device" if it is ready
};
// What `adb devices` prints.
std::vector<Attached> attached_in(std::string_view text);
// The serial number of the phone to use: `wanted`, or the only one if that is empty. Throws an
// Error of kFailed that says what to do if there is none or several, or if it is not ready.
std::string chosen_serial(const std::vector<Attached>& attached, const std::string& wanted);

struct Phone {
  std::string serial;
  std::string abi;  // "arm64-v8a": the first that it takes and oko-bench exists for
  std::string maker, model, android;  // "Google", "Pixel 8", "15"; may be empty
};
Phone find_phone(const std::string& wanted_serial);

// The measuring program for the phone: `wanted`, or that of the installation that the running
// program belongs to. Throws an Error that says how to get one if there is none, and if it is for
// another kind of processor.
std::string program_for(const Phone& phone, const std::string& wanted);

// Copies the program and the .oko file to a new folder of the phone, runs the program there and
// removes the folder, whatever happens. `options` are oko-bench's: words of letters, digits, "-".
// Throws an Error of kFailed with adb's own words, an input Error for what the program printed, and
// one of kInterrupted soon after `stop`, which is often asked, has become true.
Result measure_on(const Phone& phone, const std::string& program, const std::string& model_file,
                  const std::vector<std::string>& options, Progress& progress,
                  const std::function<bool()>& stop = {});

}  // namespace oko::bench
