#include "media/stream_completion.hpp"

#include "media/input.hpp"
#include "media/pcm_disguise.hpp"

extern "C" {
#include <libavutil/imgutils.h>
#include <libavutil/intreadwrite.h>
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <cstring>
#include <set>

namespace troupe::media {

namespace {

constexpr int sps_type = 7;
constexpr int sei_type = 6;
/// ITU-T H.264, table D-1: another transfer function than the sequence parameter set tells.
constexpr unsigned alternative_transfer = 147;
/// Longer information is left to the decoder.
constexpr size_t max_messages = 64 * 1024;
/// Packets that are looked at for the first one of each stream.
constexpr int max_looked_at = 200;
constexpr int64_t max_bytes_looked_at = 8 * 1024 * 1024;

/// The one sequence parameter set of an avcC record (ISO/IEC 14496-15, 5.3.3.1), with its NAL header; empty if there
/// are none or several, or the record is damaged.
std::span<const uint8_t> only_sequence(const AVCodecParameters& par) {
  if (par.codec_id != AV_CODEC_ID_H264 || par.extradata_size < 8 || par.extradata[0] != 1
      || (par.extradata[5] & 0x1f) != 1)
    return {};
  size_t size = AV_RB16(par.extradata + 6);
  if (size < 2 || size + 9 > static_cast<size_t>(par.extradata_size) || (par.extradata[8] & 0x1f) != sps_type)
    return {};
  return {par.extradata + 8, size};
}

/// libav keeps the container's size where only that cuts the last macroblocks off.
bool keeps_size(const AVCodecParameters& par, const h264_sequence& known) {
  auto whole = [](int x) { return (x + 15) / 16; };
  return (par.width == known.width && par.height == known.height)
         || (!known.crops_top_left && par.width > 0 && par.height > 0 && par.width <= known.width
             && par.height <= known.height && whole(par.width) == whole(known.width)
             && whole(par.height) == whole(known.height));
}

AVPixelFormat pixel_format(const AVCodecParameters& par, const h264_sequence& known) {
  if ((known.has_colors ? known.matrix : par.color_space) == AVCOL_SPC_RGB)
    return known.chroma_format != 3 ? AV_PIX_FMT_NONE : known.bit_depth == 8 ? AV_PIX_FMT_GBRP : AV_PIX_FMT_GBRP10;
  static constexpr AVPixelFormat by_format[3][3] = {
    {AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUV420P10},
    {AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUV422P10},
    {AV_PIX_FMT_YUV444P, AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUV444P10},
  };
  bool full = known.has_range ? known.full_range : par.color_range == AVCOL_RANGE_JPEG;
  return by_format[known.chroma_format - 1][known.bit_depth == 10 ? 2 : full ? 1 : 0];
}

bool may_carry_marks(const AVStream& stream) {
  auto codec = stream.codecpar->codec_id;
  return (codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_HEVC || codec == AV_CODEC_ID_MPEG2VIDEO
          || codec == AV_CODEC_ID_AV1)
         && (stream.disposition & AV_DISPOSITION_ATTACHED_PIC) == 0;
}

bool is_wave(const AVInputFormat& format) {
  return std::strcmp(format.name, "wav") == 0 || std::strcmp(format.name, "w64") == 0;
}

/// Of a WAV file that is open: libav has left it at the first sample.
bool has_plain_samples(const AVFormatContext& format, const source_file& file) {
  if (format.nb_streams != 1 || format.streams[0]->codecpar->codec_id != AV_CODEC_ID_PCM_S16LE)
    return true;
  std::vector<uint8_t> samples(examined_pcm_bytes);
  size_t there = 0;
  while (there < samples.size()) {
    auto n =
      file.read(samples.data() + there, samples.size() - there, avio_tell(format.pb) + static_cast<int64_t>(there));
    if (!n)
      return false;
    if (*n == 0)
      break;
    there += *n;
  }
  return !may_hide_a_codec({samples.data(), there});
}

bool is_mov(const AVFormatContext& format) {
  return std::strcmp(format.iformat->name, "mov,mp4,m4a,3gp,3g2,mj2") == 0;
}

/// Whether a message of that type is in the NAL unit of supplemental enhancement information (7.3.2.3).
bool has_message(std::span<const uint8_t> nal, unsigned wanted) {
  auto bytes = h264_payload(nal.first(std::min(nal.size(), max_messages)));
  size_t at = 0;
  auto number = [&] {
    size_t value = 0;
    while (at < bytes.size() && bytes[at] == 0xff) {
      value += 255;
      ++at;
    }
    return at < bytes.size() ? value + bytes[at++] : value;
  };
  // The stop bit's byte ends them.
  while (at + 2 < bytes.size()) {
    if (number() == wanted)
      return true;
    at += number();
  }
  // Cut: who knows what follows?
  return nal.size() > max_messages;
}

/// An access unit of length-prefixed NAL units that says otherwise than `sequence`, or can't be read.
bool contradicts(std::span<const uint8_t> unit, unsigned length_size, std::span<const uint8_t> sequence) {
  bool any = false;
  while (unit.size() > length_size) {
    size_t size = 0;
    for (unsigned i = 0; i < length_size; ++i)
      size = size << 8U | unit[i];
    unit = unit.subspan(length_size);
    if (size == 0 || size > unit.size())
      return true;
    auto nal = unit.first(size);
    unit = unit.subspan(size);
    int type = nal[0] & 0x1f;
    any |= type == 1 || type == 5;
    if (type == sps_type && !std::equal(nal.begin(), nal.end(), sequence.begin(), sequence.end()))
      return true;
    if (type == sei_type && has_message(nal.subspan(1), alternative_transfer))
      return true;
  }
  return !any;
}

} // namespace

void stream_completion::prepare(AVFormatContext& format, const AVInputFormat& detected) {
  if (is_wave(detected))
    format.max_probe_packets = 1;
}

stream_completion::stream_completion(AVFormatContext& format, const source_file& file) :
  format_(format), options_(format.nb_streams) {
  if (is_wave(*format.iformat))
    plain_samples_ = has_plain_samples(format, file);
  for (unsigned i = 0; i < format.nb_streams; ++i) {
    auto& par = *format.streams[i]->codecpar;
    if (par.codec_type != AVMEDIA_TYPE_VIDEO)
      continue;
    options_[i].set("skip_loop_filter", "all");
    options_[i].set("skip_idct", "all");
    auto nal = only_sequence(par);
    if (nal.empty())
      continue;
    if (auto known = read_h264_sequence(nal.subspan(1)); known && keeps_size(par, *known))
      tell(i, *known);
  }
}

void stream_completion::tell(unsigned index, const h264_sequence& known) {
  auto pixels = pixel_format(*format_.streams[index]->codecpar, known);
  // Where the container tells no decoding times libav derives them from the order that it sees while it decodes.
  if (pixels == AV_PIX_FMT_NONE || !known.reorder_frames || !is_mov(format_))
    return;
  options_[index].set("skip_frame", "all");
  options_[index].set("pixel_format", av_get_pix_fmt_name(pixels));
  sequences_.emplace(index, known);
}

void stream_completion::limit_pixels(int64_t most) {
  for (auto& options : options_)
    options.set("max_pixels", std::to_string(most));
}

int stream_completion::find_stream_info() {
  std::vector<AVDictionary*> dictionaries;
  for (auto& o : options_)
    dictionaries.push_back(*o.out());
  int code = avformat_find_stream_info(&format_, dictionaries.data());
  // libav takes out what it used.
  for (size_t i = 0; i < options_.size(); ++i)
    *options_[i].out() = dictionaries[i];
  for (auto& [index, known] : sequences_)
    apply(*format_.streams[index], known);
  return code;
}

void stream_completion::apply(AVStream& stream, const h264_sequence& known) {
  auto& par = *stream.codecpar;
  par.video_delay = std::max(par.video_delay, known.reorder_frames.value_or(0));
  par.bits_per_raw_sample = known.bit_depth;
  par.chroma_location = known.chroma_location;
  bool believed =
    av_image_check_sar(static_cast<unsigned>(par.width), static_cast<unsigned>(par.height), known.sample_aspect) >= 0;
  par.sample_aspect_ratio = believed ? known.sample_aspect : AVRational{0, 1};
  if (known.has_range)
    par.color_range = known.full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  if (known.has_colors) {
    par.color_primaries = known.primaries;
    par.color_trc = known.transfer;
    par.color_space = known.matrix;
  }
}

bool stream_completion::confirmed() {
  if (!plain_samples_)
    return false;
  if (format_.duration == AV_NOPTS_VALUE || format_.duration <= 0)
    return sequences_.empty();
  std::set<unsigned> unseen;
  for (unsigned i = 0; i < format_.nb_streams; ++i)
    if (may_carry_marks(*format_.streams[i]))
      unseen.insert(i);
  auto packet = av::make_packet();
  int64_t left = max_bytes_looked_at;
  for (int i = 0; i < max_looked_at && left > 0 && !unseen.empty(); ++i) {
    if (av_read_frame(&format_, packet.get()) < 0)
      break;
    left -= packet->size;
    auto index = static_cast<unsigned>(packet->stream_index);
    if (unseen.erase(index) > 0 && !agrees(index, {packet->data, static_cast<size_t>(packet->size)}))
      return false;
    av_packet_unref(packet.get());
  }
  return std::none_of(unseen.begin(), unseen.end(), [&](unsigned i) { return sequences_.contains(i); });
}

bool stream_completion::agrees(unsigned index, std::span<const uint8_t> packet) {
  marks_[index] = marks_of(packet);
  if (!sequences_.contains(index))
    return true;
  auto& par = *format_.streams[index]->codecpar;
  return !contradicts(packet, (par.extradata[4] & 3U) + 1, only_sequence(par));
}

} // namespace troupe::media
