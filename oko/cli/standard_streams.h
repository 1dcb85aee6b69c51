#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace oko::cli {

// Binary standard input and output, with the errors that C++ streams swallow.

// Writes everything to standard output. False if the reader of a pipe has gone (`| head`), which is
// not an error; throws a storage Error for anything else (a full disk).
bool write_output(std::span<const std::byte> content);

// Whether standard output is a pipe without a reader.
bool is_reader_gone();

// Characters in a line of the terminal that standard output or error is; 0 if it is not a terminal.
std::size_t output_columns();
std::size_t error_columns();

// Calls `take` with all of standard input, chunk by chunk. Throws a storage Error if it cannot be
// read to its end.
void read_input(const std::function<void(std::span<const std::byte>)>& take);

// Asks a yes-or-no question on the terminal; false for any answer but yes, and if standard input or
// standard error is not a terminal.
bool is_confirmed(const std::string& question);

// Asks for a text on the terminal without showing what is typed. Nothing if there is no terminal.
std::optional<std::string> ask_secret(const std::string& question);

}  // namespace oko::cli
