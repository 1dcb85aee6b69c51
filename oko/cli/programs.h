#pragma once

// The programs that oko consists of, which start each other; all of them lie beside each other in
// the same way in a build folder, installed, and in a bundle.
namespace oko::cli {

enum class Program {
  kCommands,  // every command
  kLight,     // those that run without LibTorch and OpenCV's video module; may be missing
};

// Replaces this program by that one, with the same words. Returns only on failure: with errno.
int become(Program program, char** argv);

// The same, and prints what is wrong on failure. Returns the exit code.
int become_commands(char** argv);

}  // namespace oko::cli
