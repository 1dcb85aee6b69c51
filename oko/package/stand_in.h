/* For the source that stand_in.cmake makes: definitions of symbols by their names in the object
 * file, which may be mangled. Functions end the program and say why. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((unused, noreturn)) static void absent(void) {
  static const char text[] =
      "oko: error: this oko was packed for training, without video and other programs' engines\n"
      "  hint: pack it with --whole (oko job bundle, oko job image)\n";
  if (write(STDERR_FILENO, text, strlen(text)) < 0) abort();
  _exit(1);
}

#define FUNCTION(number, name)                \
  void function_##number(void) __asm__(name); \
  void function_##number(void) { absent(); }
/* Tables of classes that are never used. */
#define DATA(number, name)                   \
  extern char data_##number[] __asm__(name); \
  char data_##number[1024] = {0};
