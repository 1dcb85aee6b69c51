#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>

namespace oko::cli {

// Standard input and output as bytes, with the errors that C++'s streams swallow.

// Writes everything to standard output. False where the reader of a pipe has gone away (`| head`),
// which is no error; throws a storage Error for all else (a full disk).
bool write_output(std::span<const std::byte> content);

// Whether standard output is a pipe that nobody reads any more.
bool is_reader_gone();

// Calls `take` with all of standard input, piece by piece. Throws a storage Error where it cannot
// be read to its end.
void read_input(const std::function<void(std::span<const std::byte>)>& take);

// Asks a yes-or-no question on the terminal; false for any answer but yes, and where standard input
// or standard error is no terminal.
bool is_confirmed(const std::string& question);

}  // namespace oko::cli
