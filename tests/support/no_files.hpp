#pragma once

#include "protocol/ports/files.hpp"

namespace troupe::test {

/// A file system with nothing in it, for tests that need one or two of its calls.
class no_files : public ports::files {
public:
  result<ports::opened_file> open_source(const std::string&) override {
    return error{errc::not_found};
  }
  result<ports::opened_file> open_below(const std::string&, const std::string&) override {
    return error{errc::not_found};
  }
  result<file_version> version_of(const std::string&) override {
    return error{errc::not_found};
  }
  result<unique_fd> create(const std::string&) override {
    return error{errc::io};
  }
  result<ports::opened_file> open_append(const std::string&) override {
    return error{errc::io};
  }
  result<void> publish(const std::string&, const std::string&) override {
    return error{errc::io};
  }
  result<void> publish_folder(const std::string&, const std::string&) override {
    return error{errc::io};
  }
  result<void> remove(const std::string&) override {
    return {};
  }
  result<void> make_folders(const std::string&) override {
    return {};
  }
  result<std::vector<std::string>> list(const std::string&) override {
    return std::vector<std::string>{};
  }
  result<ports::folder_facts> look_at_folder(const std::string&) override {
    return error{errc::not_found};
  }
  result<std::string> read_text(const std::string&) override {
    return error{errc::not_found};
  }
  result<void> write_text(const std::string&, std::string_view) override {
    return error{errc::io};
  }
  result<ports::disk_space> space(const std::string&) override {
    return error{errc::not_found};
  }
  result<void> walk(const std::string&, const std::function<bool(std::string_view)>&,
                    const std::function<bool(ports::walk_batch)>&) override {
    return error{errc::not_found};
  }
};

} // namespace troupe::test
