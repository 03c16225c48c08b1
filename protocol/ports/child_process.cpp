#include "protocol/ports/child_process.hpp"

#include <cstring>

namespace troupe::ports {

std::string child_exit::describe() const {
  if (signal == 0)
    return status < 0 ? "ended in an unknown way" : "exited with status " + std::to_string(status);
  auto text = "killed by signal " + std::to_string(signal);
  if (auto name = ::sigabbrev_np(signal))
    text += std::string{" (SIG"} + name + ")";
  return text;
}

} // namespace troupe::ports
