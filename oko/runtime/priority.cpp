#include "oko/runtime/priority.h"

#if defined(__APPLE__)
#include <pthread.h>
#elif defined(__linux__)
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace oko::runtime {

void set_priority(Priority priority) {
  if (priority == Priority::kInherit) return;
#if defined(__APPLE__)
  const qos_class_t service = priority == Priority::kInteractive ? QOS_CLASS_USER_INTERACTIVE
                              : priority == Priority::kUtility   ? QOS_CLASS_UTILITY
                                                                 : QOS_CLASS_BACKGROUND;
  pthread_set_qos_class_self_np(service, 0);
#elif defined(__linux__)
  // Android's own numbers for what is displayed, for the middle, and for the background.
  const int nice = priority == Priority::kInteractive ? -4
                   : priority == Priority::kUtility   ? 5
                                                      : 10;
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), nice);
#endif
}

}  // namespace oko::runtime
