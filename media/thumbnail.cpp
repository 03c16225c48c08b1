#include "media/thumbnail.hpp"

#include "media/faults.hpp"
#include "media/frame_search.hpp"
#include "media/image_encoder.hpp"
#include "media/waveform.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

namespace troupe::media {

namespace {

constexpr uint32_t least_width = 16;
constexpr uint32_t most_width = 4096;
constexpr int jpeg_quality = 90;
constexpr int webp_quality = 80;

struct chosen {
  AVStream* stream = nullptr;
  av::frame picture;
  /// Seconds; -1 for a cover.
  double position = 0;
};

result<av::frame> decode_cover(AVStream& stream) {
  auto codec = decoder::open(stream, 1);
  if (!codec)
    return codec.error();
  av::frame out;
  auto keep = [&](AVFrame& f) -> result<void> {
    out = av::make_frame();
    av_frame_move_ref(out.get(), &f);
    return {};
  };
  TROUPE_TRY(codec->send(&stream.attached_pic, keep));
  TROUPE_TRY(codec->send(nullptr, keep));
  if (!out)
    return {errc::bad_media, "the cover picture can't be decoded"};
  return out;
}

uint32_t widest(const std::vector<exec::picture_request>& pictures) {
  uint32_t width = 0;
  for (auto& p : pictures)
    width = std::max(width, p.width);
  return width;
}

result<void> check(const std::vector<exec::picture_request>& pictures) {
  for (auto& p : pictures)
    if (p.width < least_width || p.width > most_width)
      return {errc::validation, "a thumbnail is 16 to 4096 pixels wide, not " + std::to_string(p.width)};
  if (pictures.empty())
    return {errc::validation, "a thumbnail needs at least one width"};
  return {};
}

result<chosen> choose(input& source, uint32_t width) {
  if (auto* stream = source.first(AVMEDIA_TYPE_VIDEO)) {
    picture_maker maker(source.format(), *stream);
    // One thread: as many files are worked on at a time as there are cores.
    const bool rough = static_cast<int64_t>(stream->codecpar->width) >= 2 * static_cast<int64_t>(width);
    auto frame = find_telling_frame(source, *stream, maker, {1, rough});
    if (!frame)
      return frame.error();
    return chosen{stream, std::move(frame->picture), frame->position};
  }
  // A cover that can't be decoded is no reason to have no picture.
  if (auto* stream = source.cover())
    if (auto cover = decode_cover(*stream))
      return chosen{stream, std::move(*cover), -1};
  if (auto* stream = source.first(AVMEDIA_TYPE_AUDIO)) {
    auto drawn = draw_waveform(source, *stream);
    if (!drawn)
      return drawn.error();
    return chosen{stream, std::move(*drawn), 0};
  }
  return {errc::bad_media, "there is nothing in the file that a picture can be made of"};
}

result<std::vector<uint8_t>> encode(const AVFrame& picture, exec::picture_format format) {
  if (format == exec::picture_format::jpeg)
    return encode_image(picture, format, jpeg_quality);
  scaler limit;
  auto limited = limit.scale(picture, {picture.width, picture.height, AV_PIX_FMT_YUV420P, false, true});
  if (!limited)
    return limited.error();
  return encode_image(**limited, format, webp_quality);
}

result<void> write(int output, const std::vector<uint8_t>& bytes) {
  if (::ftruncate(output, 0) != 0)
    return system_error(errno, "the thumbnail can't be written");
  return write_at(output, bytes.data(), bytes.size(), 0);
}

/// The sizes from the widest down, each made of the one before: the frame is scaled once.
result<std::map<int, av::frame, std::greater<>>> make_sizes(input& source, const chosen& frame,
                                                            const std::vector<exec::picture_request>& pictures) {
  picture_maker maker(source.format(), *frame.stream);
  std::map<int, av::frame, std::greater<>> sizes;
  std::map<int, picture_size, std::greater<>> wanted;
  for (auto& p : pictures) {
    auto size = maker.size_at(*frame.picture, p.width);
    wanted[size.width] = size;
  }
  const AVFrame* larger = nullptr;
  for (auto& [width, size] : wanted) {
    auto made = larger ? smaller_picture(*larger, size) : maker.make(*frame.picture, size);
    if (!made)
      return made.error();
    larger = (sizes[width] = std::move(*made)).get();
  }
  return sizes;
}

} // namespace

result<exec::thumbnail_answer> thumbnail(source_file file, const std::string& name_hint,
                                         const std::vector<exec::picture_request>& pictures,
                                         const std::vector<int>& outputs, const task& job) {
  TROUPE_TRY(check(pictures));
  auto source = input::open(file, name_hint, job, depth::facts);
  if (!source)
    return source.error();
  auto frame = choose(**source, widest(pictures));
  if (!frame)
    return frame.error();
  auto sizes = make_sizes(**source, *frame, pictures);
  if (!sizes)
    return sizes.error();
  exec::thumbnail_answer answer;
  answer.position = frame->position;
  for (size_t i = 0; i < pictures.size(); ++i) {
    if ((*source)->cancelled())
      return cancelled_error();
    // The widest that is not wider than asked.
    auto& picture = *sizes->lower_bound(static_cast<int>(pictures[i].width))->second;
    auto bytes = encode(picture, pictures[i].format);
    if (!bytes)
      return bytes.error();
    TROUPE_TRY(write(outputs[i], *bytes));
    answer.pictures.push_back(
      {static_cast<uint32_t>(picture.width), static_cast<uint32_t>(picture.height), bytes->size()});
  }
  return answer;
}

} // namespace troupe::media
