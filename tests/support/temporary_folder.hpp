#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace troupe::test {

/// An empty folder that goes with its content when the object does.
class temporary_folder {
public:
  temporary_folder() {
    char name[] = "/tmp/troupe-test-XXXXXX";
    if (!::mkdtemp(name))
      throw std::runtime_error{"no temporary folder"};
    path = name;
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
