#include "media/h264_sequence.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <array>

namespace troupe::media {

namespace {

/// A longer one is not ordinary.
constexpr size_t max_bytes = 1024;

/// Bits of an RBSP (7.2): emulation prevention taken out, stop bit and trailing zeros cut off. Reading past the end
/// gives zeros and is remembered.
class bits {
public:
  explicit bits(std::span<const uint8_t> nal) : bytes_(h264_payload(nal)) {
    while (!bytes_.empty() && bytes_.back() == 0)
      bytes_.pop_back();
    if (!bytes_.empty())
      end_ = bytes_.size() * 8 - static_cast<size_t>(__builtin_ctz(bytes_.back())) - 1;
  }

  uint32_t u(unsigned count) noexcept {
    uint32_t value = 0;
    while (count-- > 0) {
      value <<= 1U;
      if (at_ < end_)
        value |= bytes_[at_ / 8] >> (7 - at_ % 8) & 1U;
      ++at_;
    }
    return value;
  }
  bool flag() noexcept {
    return u(1) != 0;
  }
  /// Exp-Golomb (9.1).
  uint32_t ue() noexcept {
    unsigned zeros = 0;
    while (!overrun() && !flag())
      ++zeros;
    if (zeros > 31) {
      at_ = end_ + 1;
      return 0;
    }
    return (1U << zeros) - 1 + u(zeros);
  }
  void skip_ue(unsigned count) noexcept {
    while (count-- > 0)
      ue();
  }
  size_t left() const noexcept {
    return at_ < end_ ? end_ - at_ : 0;
  }
  bool overrun() const noexcept {
    return at_ > end_;
  }

private:
  std::vector<uint8_t> bytes_;
  size_t at_ = 0;
  size_t end_ = 0;
};

bool has_chroma_format(uint32_t profile) noexcept {
  for (auto p : {100U, 110U, 122U, 244U, 44U, 83U, 86U, 118U, 128U, 138U})
    if (p == profile)
      return true;
  return false;
}

/// 7.3.2.1.1.1; only its length matters.
void skip_scaling_lists(bits& in, unsigned lists) {
  for (unsigned i = 0; i < lists; ++i) {
    if (!in.flag())
      continue;
    int last = 8, next = 8;
    for (int j = 0; j < (i < 6 ? 16 : 64) && next != 0; ++j) {
      auto code = in.ue();
      auto delta = static_cast<int>((code + 1) / 2) * (code % 2 ? 1 : -1);
      next = (last + delta + 256) % 256;
      if (next != 0)
        last = next;
    }
  }
}

void skip_hrd(bits& in) {
  auto count = in.ue() + 1;
  in.u(8);
  for (uint32_t i = 0; i < count && !in.overrun(); ++i) {
    in.skip_ue(2);
    in.flag();
  }
  in.u(20);
}

bool read_aspect(bits& in, h264_sequence& out) {
  // Table E-1.
  static constexpr std::array<AVRational, 17> known{{{0, 1},
                                                     {1, 1},
                                                     {12, 11},
                                                     {10, 11},
                                                     {16, 11},
                                                     {40, 33},
                                                     {24, 11},
                                                     {20, 11},
                                                     {32, 11},
                                                     {80, 33},
                                                     {18, 11},
                                                     {15, 11},
                                                     {64, 33},
                                                     {160, 99},
                                                     {4, 3},
                                                     {3, 2},
                                                     {2, 1}}};
  auto index = in.u(8);
  if (index == 255) {
    int width = static_cast<int>(in.u(16));
    int height = static_cast<int>(in.u(16));
    out.sample_aspect = {width, height};
    return width > 0 && height > 0;
  }
  if (index >= known.size())
    return false;
  out.sample_aspect = known[index];
  return true;
}

void read_colors(bits& in, h264_sequence& out) {
  in.u(3);
  out.has_range = true;
  out.full_range = in.flag();
  out.has_colors = in.flag();
  if (!out.has_colors)
    return;
  auto primaries = static_cast<AVColorPrimaries>(in.u(8));
  auto transfer = static_cast<AVColorTransferCharacteristic>(in.u(8));
  auto matrix = static_cast<AVColorSpace>(in.u(8));
  // What has no name is unspecified.
  out.primaries = av_color_primaries_name(primaries) ? primaries : AVCOL_PRI_UNSPECIFIED;
  out.transfer = av_color_transfer_name(transfer) ? transfer : AVCOL_TRC_UNSPECIFIED;
  out.matrix = av_color_space_name(matrix) ? matrix : AVCOL_SPC_UNSPECIFIED;
}

/// E.1.1.
bool read_usability(bits& in, h264_sequence& out) {
  if (in.flag() && !read_aspect(in, out))
    return false;
  if (in.flag())
    in.flag();
  if (in.flag())
    read_colors(in, out);
  out.chroma_location = AVCHROMA_LOC_LEFT;
  if (in.flag()) {
    auto location = in.ue();
    in.ue();
    if (location > 5)
      return false;
    out.chroma_location = static_cast<AVChromaLocation>(location + 1);
  }
  if (in.flag()) {
    // libav takes so short a rest for a cut one.
    if (in.left() < 9)
      return false;
    auto ticks = in.u(32);
    auto scale = in.u(32);
    in.flag();
    if (ticks == 0 || scale == 0)
      return false;
  }
  bool nal_hrd = in.flag();
  if (nal_hrd)
    skip_hrd(in);
  bool vcl_hrd = in.flag();
  if (vcl_hrd)
    skip_hrd(in);
  if (nal_hrd || vcl_hrd)
    in.flag();
  in.flag();
  if (in.left() == 0 || !in.flag())
    return true;
  in.flag();
  in.skip_ue(4);
  auto reorder = in.ue();
  in.ue();
  if (reorder > 16)
    return false;
  out.reorder_frames = static_cast<int>(reorder);
  return true;
}

bool read_format(bits& in, uint32_t profile, h264_sequence& out) {
  if (!has_chroma_format(profile))
    return true;
  out.chroma_format = in.ue();
  if (out.chroma_format < 1 || out.chroma_format > 3 || (out.chroma_format == 3 && in.flag()))
    return false;
  auto luma = in.ue();
  auto chroma = in.ue();
  if (luma != chroma || (luma != 0 && luma != 2))
    return false;
  out.bit_depth = static_cast<int>(luma) + 8;
  in.flag();
  if (in.flag())
    skip_scaling_lists(in, out.chroma_format == 3 ? 12 : 8);
  return true;
}

bool read_order(bits& in) {
  auto type = in.ue();
  if (type == 0)
    return in.ue() <= 12;
  if (type == 1) {
    in.flag();
    in.skip_ue(2);
    auto cycle = in.ue();
    if (cycle > 255)
      return false;
    in.skip_ue(cycle);
  }
  return type <= 2;
}

/// Width and height, cropped.
bool read_size(bits& in, h264_sequence& out) {
  auto across = in.ue() + 1;
  auto down = in.ue() + 1;
  bool frames_only = in.flag();
  if (across == 0 || across > 1024 || down == 0 || down > 1024)
    return false;
  out.width = static_cast<int>(across * 16);
  out.height = static_cast<int>(down * 16 * (frames_only ? 1 : 2));
  if (!frames_only)
    in.flag();
  in.flag();
  if (!in.flag())
    return true;
  auto left = in.ue(), right = in.ue(), top = in.ue(), bottom = in.ue();
  if (left > 16384 || right > 16384 || top > 16384 || bottom > 16384)
    return false;
  unsigned step_x = out.chroma_format == 3 ? 1 : 2;
  unsigned step_y = (out.chroma_format == 1 ? 2 : 1) * (frames_only ? 1 : 2);
  out.crops_top_left = left > 0 || top > 0;
  out.width -= static_cast<int>((left + right) * step_x);
  out.height -= static_cast<int>((top + bottom) * step_y);
  return out.width > 0 && out.height > 0;
}

} // namespace

std::vector<uint8_t> h264_payload(std::span<const uint8_t> nal) {
  std::vector<uint8_t> out;
  out.reserve(nal.size());
  int zeros = 0;
  for (auto byte : nal) {
    if (zeros >= 2 && byte == 3) {
      zeros = 0;
      continue;
    }
    zeros = byte ? 0 : zeros + 1;
    out.push_back(byte);
  }
  return out;
}

std::optional<h264_sequence> read_h264_sequence(std::span<const uint8_t> nal) {
  if (nal.size() < 4 || nal.size() > max_bytes)
    return std::nullopt;
  bits in(nal);
  h264_sequence out;
  auto profile = in.u(8);
  in.u(16);
  if (in.ue() > 31 || !read_format(in, profile, out) || in.ue() > 12 || !read_order(in) || in.ue() > 16)
    return std::nullopt;
  in.flag();
  if (!read_size(in, out))
    return std::nullopt;
  if (in.flag() && !read_usability(in, out))
    return std::nullopt;
  if (in.overrun())
    return std::nullopt;
  return out;
}

} // namespace troupe::media
