#include "tests/unit/media/samples.hpp"

#include "tests/support/temporary_folder.hpp"
#include "tests/support/unit_test.hpp"

#include "media/log_capture.hpp"

#include <caf/make_message.hpp>

#include <fcntl.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>

namespace fs = std::filesystem;

namespace media_test {

namespace {

/// For the whole suite, before main: libav and SVT-AV1, which does not ask libav, are quiet, and CAF's watchdog of 30
/// seconds leaves the time to ctest.
const bool prepared = [] {
  ::setenv("SVT_LOG", "1", 1);
  troupe::media::log_capture::install({});
  caf::test::engine::max_runtime(0);
  return true;
}();

fs::path real_folder() {
  if (auto* set = std::getenv("TROUPE_TEST_MEDIA"))
    return set;
  return fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "media-samples";
}

} // namespace

std::vector<std::string> real_files() {
  std::vector<std::string> files;
  std::error_code missing;
  for (auto& entry : fs::directory_iterator(real_folder(), missing))
    if (entry.is_regular_file() && entry.path().filename().string().front() != '.')
      files.push_back(entry.path());
  if (files.empty())
    throw std::runtime_error("no media files in " + real_folder().string()
                             + ": run tests/support/fetch-media with that folder, or set TROUPE_TEST_MEDIA");
  std::sort(files.begin(), files.end());
  return files;
}

std::string real_file(const std::string& name) {
  for (auto& f : real_files())
    if (fs::path(f).filename() == name)
      return f;
  throw std::runtime_error(name + " is missing in " + real_folder().string() + ": run tests/support/fetch-media anew");
}

std::string scratch(const std::string& name) {
  static troupe::test::temporary_folder folder;
  return folder / name;
}

std::string output_of(const std::string& command) {
  std::unique_ptr<FILE, int (*)(FILE*)> pipe{::popen(command.c_str(), "r"), &::pclose};
  if (!pipe)
    throw std::runtime_error("can't run: " + command);
  std::string out;
  char buffer[4096];
  while (auto n = std::fread(buffer, 1, sizeof buffer, pipe.get()))
    out.append(buffer, n);
  if (::pclose(pipe.release()) != 0)
    throw std::runtime_error("failed: " + command);
  return out;
}

void ffmpeg(const std::string& arguments) {
  output_of("ffmpeg -nostdin -v error -y " + arguments + " </dev/null");
}

nlohmann::json ffprobe(const std::string& path) {
  return nlohmann::json::parse(
    output_of("ffprobe -v quiet -of json -show_format -show_streams -show_chapters '" + path + "'"));
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_matrix(const std::string& from, const std::string& to, int a, int b, int c, int d) {
  auto content = read_file(from);
  auto box = content.find("tkhd");
  if (box == std::string::npos)
    throw std::runtime_error(from + " has no track");
  auto put = [&](size_t cell, int32_t value) {
    for (size_t byte = 0; byte < 4; ++byte)
      content[box + 44 + cell * 4 + byte] =
        static_cast<char>(static_cast<uint32_t>(value) * 0x10000u >> (24 - 8 * byte));
  };
  put(0, a);
  put(1, b);
  put(3, c);
  put(4, d);
  write_file(to, content);
}

void write_turned(const std::string& from, const std::string& to, int degrees) {
  const int cosine = degrees == 0 ? 1 : degrees == 180 ? -1 : 0;
  const int sine = degrees == 90 ? 1 : degrees == 270 ? -1 : 0;
  write_matrix(from, to, cosine, sine, -sine, cosine);
}

void write_box(const std::string& from, const std::string& to, const std::vector<std::string>& place,
               const std::string& name, const std::string& content) {
  auto file = read_file(from);
  auto size_at = [&](size_t at) {
    uint32_t size = 0;
    for (size_t i = 0; i < 4; ++i)
      size = size << 8 | static_cast<unsigned char>(file[at + i]);
    return size;
  };
  auto bytes = [](uint32_t size) {
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8)
      out += static_cast<char>(size >> shift);
    return out;
  };
  const auto added = static_cast<uint32_t>(8 + content.size());
  size_t end = file.size();
  size_t at = 0;
  for (auto& box : place) {
    at = file.find(box, at);
    if (at == std::string::npos || at < 4)
      throw std::runtime_error(from + " has no " + box);
    end = at - 4 + size_at(at - 4);
    file.replace(at - 4, 4, bytes(size_at(at - 4) + added));
  }
  file.insert(end, bytes(added) + name + content);
  write_file(to, file);
}

std::string extension(const std::string& path) {
  auto e = fs::path(path).extension().string();
  return e.empty() ? e : e.substr(1);
}

troupe::media::owned_fd open_source(const std::string& path) {
  return troupe::media::owned_fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
}

troupe::media::owned_fd open_output(const std::string& path) {
  return troupe::media::owned_fd{::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
}

const troupe::media::task& quiet_task() {
  static const std::atomic<bool> never{false};
  static const troupe::media::task t{never, {}};
  return t;
}

std::string ordinary() {
  static const auto path = [] {
    auto p = scratch("ordinary.mp4");
    ffmpeg("-f lavfi -i testsrc=s=320x240:r=25:d=2 -f lavfi -i sine=d=2 -c:v libx264 -pix_fmt yuv420p -c:a aac " + p);
    return p;
  }();
  return path;
}

} // namespace media_test
