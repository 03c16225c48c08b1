#include "media/mp4_fragments.hpp"

#include "media/faults.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace troupe::media {

namespace {

/// A moov without samples, or the moof of a few seconds, is some kilobytes.
constexpr int64_t max_box_bytes = 4 * 1024 * 1024;

uint64_t big_endian(const char* p, int bytes) noexcept {
  uint64_t x = 0;
  for (int i = 0; i < bytes; ++i)
    x = x << 8 | static_cast<unsigned char>(p[i]);
  return x;
}

result<std::string> read_at(int fd, int64_t offset, int64_t size) {
  std::string out(static_cast<size_t>(size), '\0');
  int64_t done = 0;
  while (done < size) {
    auto n = ::pread(fd, out.data() + done, static_cast<size_t>(size - done), offset + done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return system_error(errno, "the output can't be read");
    if (n == 0)
      break;
    done += n;
  }
  out.resize(static_cast<size_t>(done));
  return out;
}

/// The content of the first box of that name in a run of boxes; empty if there is none.
std::string_view find_box(std::string_view boxes, std::string_view name) noexcept {
  while (boxes.size() >= 8) {
    auto size = big_endian(boxes.data(), 4);
    if (size < 8 || size > boxes.size())
      return {};
    if (boxes.substr(4, 4) == name)
      return boxes.substr(8, size - 8);
    boxes.remove_prefix(size);
  }
  return {};
}

/// Size of the first sample of a moof's first track run; 0 when it can't be told.
int64_t first_sample_size(std::string_view moof) noexcept {
  constexpr uint32_t data_offset = 0x1;
  constexpr uint32_t first_flags = 0x4;
  constexpr uint32_t durations = 0x100;
  constexpr uint32_t sizes = 0x200;
  constexpr uint32_t default_size = 0x10;
  auto traf = find_box(moof, "traf");
  auto run = find_box(traf, "trun");
  auto head = find_box(traf, "tfhd");
  if (run.size() < 8 || head.size() < 8)
    return 0;
  auto flags = static_cast<uint32_t>(big_endian(run.data(), 4)) & 0xffffff;
  size_t at = 8 + (flags & data_offset ? 4 : 0) + (flags & first_flags ? 4 : 0) + (flags & durations ? 4 : 0);
  if (flags & sizes)
    return at + 4 <= run.size() ? static_cast<int64_t>(big_endian(run.data() + at, 4)) : 0;
  auto defaults = static_cast<uint32_t>(big_endian(head.data(), 4)) & 0xffffff;
  // Optional fields before the size, in their order: base offset, description index, duration.
  size_t place = 8 + (defaults & 0x1 ? 8 : 0) + (defaults & 0x2 ? 4 : 0) + (defaults & 0x8 ? 4 : 0);
  return (defaults & default_size) && place + 4 <= head.size()
           ? static_cast<int64_t>(big_endian(head.data() + place, 4))
           : 0;
}

int64_t sample_count(std::string_view moof) {
  auto run = find_box(find_box(moof, "traf"), "trun");
  return run.size() >= 8 ? static_cast<int64_t>(big_endian(run.data() + 4, 4)) : 0;
}

/// RFC 6381 and ISO/IEC 14496-15 annex E: "hvc1.2.4.L120.90".
std::string hevc_codec(std::string_view record) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(record[i]); };
  constexpr std::string_view spaces[] = {"", "A", "B", "C"};
  uint32_t compatible = 0;
  for (int bit = 0; bit < 32; ++bit)
    if (big_endian(record.data() + 2, 4) >> (31 - bit) & 1)
      compatible |= 1u << bit;
  char text[64];
  std::snprintf(text, sizeof text, "hvc1.%s%d.%X.%c%d", spaces[byte(1) >> 6].data(), byte(1) & 31, compatible,
                byte(1) & 32 ? 'H' : 'L', byte(12));
  std::string out = text;
  int last = 11;
  while (last >= 6 && byte(static_cast<size_t>(last)) == 0)
    --last;
  for (int i = 6; i <= last; ++i) {
    std::snprintf(text, sizeof text, ".%X", byte(static_cast<size_t>(i)));
    out += text;
  }
  return out;
}

std::string codec_of(std::string_view moov) {
  auto stbl = find_box(find_box(find_box(find_box(moov, "trak"), "mdia"), "minf"), "stbl");
  auto stsd = find_box(stbl, "stsd");
  if (stsd.size() < 16)
    return {};
  // Behind version and count: the sample entry, whose own fields take 78 bytes for pictures.
  auto entries = stsd.substr(8);
  constexpr size_t visual_fields = 78;
  for (auto* name : {"avc1", "hvc1"}) {
    auto entry = find_box(entries, name);
    if (entry.size() < visual_fields)
      continue;
    auto inner = entry.substr(visual_fields);
    if (auto avcc = find_box(inner, "avcC"); avcc.size() >= 4) {
      char text[32];
      std::snprintf(text, sizeof text, "avc1.%02x%02x%02x", static_cast<unsigned char>(avcc[1]),
                    static_cast<unsigned char>(avcc[2]), static_cast<unsigned char>(avcc[3]));
      return text;
    }
    if (auto hvcc = find_box(inner, "hvcC"); hvcc.size() >= 13)
      return hevc_codec(hvcc);
  }
  return find_box(entries, "mp4a").empty() ? "" : "mp4a.40.2";
}

error unexpected(int64_t at) {
  return {errc::internal, "the fragmented file is not as it was written, at byte " + std::to_string(at)};
}

} // namespace

result<mp4_fragments> read_fragments(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) != 0)
    return system_error(errno, "the output can't be examined");
  mp4_fragments out;
  for (int64_t at = 0; at < st.st_size;) {
    auto head = read_at(fd, at, 16);
    if (!head)
      return head.error();
    if (head->size() < 8)
      return unexpected(at);
    auto size = static_cast<int64_t>(big_endian(head->data(), 4));
    if (size == 1 && head->size() == 16)
      size = static_cast<int64_t>(big_endian(head->data() + 8, 8));
    const auto name = head->substr(4, 4);
    if (size < 8 || size > st.st_size - at)
      return unexpected(at);
    if (name == "moov" || name == "moof") {
      if (size > max_box_bytes)
        return unexpected(at);
      auto content = read_at(fd, at + 8, size - 8);
      if (!content)
        return content.error();
      if (name == "moov")
        out.codec = codec_of(*content);
      else
        // Its end is the header of the mdat that follows (8 bytes) and the sample.
        out.fragments.push_back({at, size, size + 8 + first_sample_size(*content), sample_count(*content)});
    } else if (name == "mdat") {
      if (out.fragments.empty())
        return unexpected(at);
      out.fragments.back().size += size;
    }
    at += size;
    if (out.fragments.empty())
      out.init_size = at;
  }
  return out;
}

} // namespace troupe::media
