#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace troupe::test {

/// Where files never wait for a disk: thousands of syncs take minutes on a busy one. /tmp where there is no such place.
inline std::string in_memory() {
  return std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp";
}

/// An empty folder that goes with its content when the object does.
class temporary_folder {
public:
  temporary_folder() : temporary_folder("/tmp") {
  }
  explicit temporary_folder(const std::string& parent) : path(parent + "/troupe-test-XXXXXX") {
    if (!::mkdtemp(path.data()))
      throw std::runtime_error{"no temporary folder"};
  }
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;

  std::string operator/(const std::string& name) const {
    return path + "/" + name;
  }

  std::string path;
};

} // namespace troupe::test
