#include "media/graphics.hpp"

#include "media/log_capture.hpp"

extern "C" {
#include <libavutil/hwcontext.h>
}

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace troupe::media {

namespace {

namespace fs = std::filesystem;

struct cards {
  av::buffer cuda;
  av::buffer vaapi;
  av::buffer qsv;
};

/// Never freed: at the end of the process drivers are not asked to tidy up inside a sandbox.
cards& opened() {
  static auto* all = new cards;
  return *all;
}

std::vector<std::string> matching(const char* folder, std::string_view prefix) {
  std::vector<std::string> paths;
  std::error_code failed;
  for (auto& entry : fs::directory_iterator(folder, failed))
    if (entry.path().filename().string().starts_with(prefix))
      paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

av::buffer open_card(AVHWDeviceType type, const char* device) {
  AVBufferRef* card = nullptr;
  if (av_hwdevice_ctx_create(&card, type, device, nullptr, 0) < 0)
    return {};
  return av::buffer{card};
}

av::buffer derive_card(AVHWDeviceType type, AVBufferRef& from) {
  AVBufferRef* card = nullptr;
  if (av_hwdevice_ctx_create_derived(&card, type, &from, 0) < 0)
    return {};
  return av::buffer{card};
}

/// Descriptors that are character devices, but for what every process has (/dev/null).
std::vector<int> device_descriptors() {
  std::vector<int> found;
  struct stat null {};
  ::stat("/dev/null", &null);
  std::error_code failed;
  for (auto& entry : fs::directory_iterator("/proc/self/fd", failed)) {
    const auto name = entry.path().filename().string();
    int fd = -1;
    std::from_chars(name.data(), name.data() + name.size(), fd);
    struct stat what {};
    if (fd > 2 && ::fstat(fd, &what) == 0 && S_ISCHR(what.st_mode) && what.st_rdev != null.st_rdev)
      found.push_back(fd);
  }
  return found;
}

} // namespace

std::vector<std::string> graphics_devices() {
  auto all = matching("/dev/dri", "renderD");
  for (auto& path : matching("/dev", "nvidia"))
    all.push_back(path);
  return all;
}

std::vector<int> open_graphics() {
  auto& all = opened();
  if (!matching("/dev", "nvidia").empty())
    all.cuda = open_card(AV_HWDEVICE_TYPE_CUDA, nullptr);
  for (auto& path : matching("/dev/dri", "renderD"))
    if (!all.vaapi)
      all.vaapi = open_card(AV_HWDEVICE_TYPE_VAAPI, path.c_str());
  // Intel's own interface, on the same card.
  if (all.vaapi)
    all.qsv = derive_card(AV_HWDEVICE_TYPE_QSV, *all.vaapi);
  // A card without a driver for it is no news: what works is told.
  log_capture::clear();
  return device_descriptors();
}

AVBufferRef* graphics_card_for(std::string_view encoder) noexcept {
  auto& all = opened();
  if (encoder.ends_with("_nvenc"))
    return all.cuda.get();
  if (encoder.ends_with("_vaapi"))
    return all.vaapi.get();
  if (encoder.ends_with("_qsv"))
    return all.qsv.get();
  return nullptr;
}

} // namespace troupe::media
