#include "media/input.hpp"

#include "media/decoder.hpp"
#include "media/faults.hpp"
#include "media/log_capture.hpp"
#include "media/matroska_sieve.hpp"
#include "media/packet_places.hpp"
#include "media/stream_completion.hpp"

extern "C" {
#include <libavutil/avstring.h>
}

#include <cctype>
#include <string_view>
#include <utility>

namespace troupe::media {

namespace {

// Demuxers of real video and audio files. What is left out on purpose: playlists and anything that names other files
// (hls, dash, concat, sdp, mpl2 …), still pictures, subtitles, raw formats with no signature, tracker music, devices.
constexpr const char* known_formats =
  "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,live_flv,asf,asf_o,ogg,wav,w64,mp3,flac,aac,ac3,eac3,"
  "dts,dtshd,truehd,mlp,rm,mxf,gxf,nut,ivf,mpegvideo,h264,hevc,m4v,vc1,obu,dv,wtv,amr,amrnb,amrwb,aiff,ape,wv,tta,"
  "caf,au,mpc,mpc8,tak,dsf,iff,voc,nsv,nuv,yuv4mpegpipe,dirac,film_cpk,smk,bink,roq,4xm,flic,avs,cavsvideo,h261,h263,"
  "swf,wsvqa,xwma,vivo,rpl,thp,xmv,aea,oma,sox,ircam,pva,ty,mv,mvi,mtv,r3d,vmd,idcin";

// A stronger signature than one accidental sync word (libav gives those 1).
constexpr int low_score = 5;

constexpr int64_t probe_bytes = 5'000'000;

/// Read to find the streams of a file, with all that is in it beside packets.
constexpr int64_t finding_bytes = 256 << 20;

int refuse_open(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) noexcept {
  return AVERROR(EPERM);
}

int interrupted(void* flag) noexcept {
  return static_cast<const std::atomic<bool>*>(flag)->load(std::memory_order_relaxed) ? 1 : 0;
}

std::string hinted_name(const std::string& hint) {
  std::string name = "source";
  if (!hint.empty() && hint.size() <= 8)
    name += '.' + hint;
  for (char c : hint)
    if (!std::isalnum(static_cast<unsigned char>(c)))
      return "source";
  return name;
}

/// Codecs of which libav can't tell from the order of the packets when each is shown, as it can for MPEG-2. MPEG-4 in
/// AVI comes in packets of two pictures, followed by empty ones.
bool hides_order(const AVFormatContext& format, AVCodecID codec) noexcept {
  const std::string_view name = format.iformat->name;
  if (name == "avi" && codec == AV_CODEC_ID_MPEG4)
    return true;
  const bool h26x = codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_HEVC;
  return h26x && (name == "avi" || name == "h264" || name == "hevc");
}

/// libav's last word on the matter, in brackets, when it had one.
std::string reason() {
  auto line = log_capture::last();
  return line.empty() ? line : " (" + line + ")";
}

} // namespace

input::input(source_file file, const task& job) :
  cancelled_(job.cancelled), limits_(job.limits), subtitles_(job.limits.max_subtitles), io_(file, job.cancelled) {
}

result<std::unique_ptr<input>> input::open(source_file file, const std::string& name_hint, const task& job,
                                           depth how_deep) {
  std::unique_ptr<input> self{new input(file, job)};
  if (self->io_.size() == 0)
    return {errc::bad_media, "the file is empty"};
  TROUPE_TRY(self->detect(name_hint));
  TROUPE_TRY(self->find_streams(how_deep));
  TROUPE_TRY(self->check_streams());
  return self;
}

result<void> input::detect(const std::string& name_hint) {
  auto name = hinted_name(name_hint);
  name_hint_ = name_hint;
  int score = av_probe_input_buffer2(io_.context(), &detected_, name.c_str(), nullptr, 0, 0);
  if (io_.failure() || score == AVERROR_EXIT)
    return read_error(score);
  if (score < 0 || !detected_ || score < low_score)
    return {errc::bad_media, "not a media file that Troupe knows: its content has no signature of a known format"};
  if (av_match_list(detected_->name, known_formats, ',') <= 0)
    return {errc::bad_media, std::string("not a media file that Troupe knows: its content is ")
                               + (detected_->long_name ? detected_->long_name : detected_->name)};
  return {};
}

result<void> input::find_streams(depth how_deep) {
  if (how_deep == depth::facts) {
    TROUPE_TRY(open_format(true));
    stream_completion completion(*format_, io_.source());
    completion.limit_pixels(limits_.max_pixels);
    io_.allow(finding_bytes);
    TROUPE_TRY(after_finding(completion.find_stream_info()));
    bool confirmed = completion.confirmed();
    if (io_.failure() || cancelled())
      return read_error(AVERROR_EXIT);
    marks_ = completion.marks();
    if (confirmed)
      return {};
    format_.reset();
    avio_seek(io_.context(), 0, SEEK_SET);
  }
  TROUPE_TRY(open_format(false));
  first_decode_options first(*format_, limits_);
  io_.allow(finding_bytes);
  return after_finding(avformat_find_stream_info(format_.get(), first.out()));
}

result<void> input::open_format(bool prepared) {
  auto* context = av::checked(avformat_alloc_context());
  context->pb = io_.context();
  context->flags |= AVFMT_FLAG_CUSTOM_IO;
  context->io_open = &refuse_open;
  context->interrupt_callback = {&interrupted, const_cast<std::atomic<bool>*>(&cancelled_)};
  // One more, to know of it.
  context->max_streams = static_cast<int>(limits_.max_streams) + 1;
  context->probesize = probe_bytes;
  if (prepared)
    stream_completion::prepare(*context, *detected_);
  av::options options;
  options.set("format_whitelist", known_formats);
  options.set("protocol_whitelist", "none");
  // MPEG-TS: programmes beyond the first that the header names; others don't know the option.
  options.set("scan_all_pmts", "1");
  // What QuickTime calls data references: other files. Off by default, and the last thing to rely on a default for.
  options.set("enable_drefs", "0");
  options.set("use_absolute_path", "0");
  // On failure libav frees the context and clears the pointer.
  int code = avformat_open_input(&context, "", detected_, options.out());
  if (code < 0) {
    if (log_capture::mentions("max_streams"))
      return {errc::bad_media, "a file with more tracks than the limit of " + std::to_string(limits_.max_streams)
                                 + " (media.max_streams)"};
    auto damaged = std::string("the file looks like ") + detected_->name + " but can't be opened" + reason();
    return io_.failure() || code == AVERROR_EXIT ? read_error(code) : av_error(code, damaged);
  }
  format_.reset(context);
  return check_limits(*format_, limits_);
}

result<void> input::after_finding(int code) {
  io_.allow(INT64_MAX);
  if (io_.failure() || code == AVERROR_EXIT || cancelled())
    return read_error(cancelled() ? AVERROR_EXIT : code);
  if (code < 0)
    return av_error(code, "the streams of the " + std::string(detected_->name) + " file can't be read" + reason());
  return {};
}

result<void> input::check_streams() {
  TROUPE_TRY(check_limits(*format_, limits_));
  decoder::allow_pixels(limits_.max_pixels);
  bool any = false;
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    auto& par = *format_->streams[i]->codecpar;
    bool picture = format_->streams[i]->disposition & AV_DISPOSITION_ATTACHED_PIC;
    any |= par.codec_type == AVMEDIA_TYPE_VIDEO && !picture && par.width > 0 && par.height > 0;
    any |= par.codec_type == AVMEDIA_TYPE_AUDIO && par.sample_rate > 0;
  }
  if (!any)
    return {errc::bad_media, std::string("the ") + detected_->name + " file holds neither video nor audio" + reason()};
  return {};
}

int input::read(AVPacket& packet) noexcept {
  if (cancelled())
    return AVERROR_EXIT;
  int code = av_read_frame(format_.get(), &packet);
  if (code >= 0)
    undo_generated_time(packet);
  if (code < 0 || subtitles_.take(*stream(static_cast<unsigned>(packet.stream_index)), packet))
    return code;
  av_packet_unref(&packet);
  too_many_subtitles_ = true;
  // Not a damaged place behind which the rest is as good as none: the operation ends.
  return AVERROR_EXIT;
}

void input::chosen() {
  if (!io_.source().has_holes())
    return;
  if (auto places = chosen_places(*format_, static_cast<uint64_t>(io_.size())); !places.empty())
    io_.read_only(std::move(places));
  else if (!chosen_pictures() && tells_places() && map_)
    io_.read_through(std::make_unique<matroska_sieve>(io_.source(), *map_));
}

bool input::chosen_pictures() const noexcept {
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    auto& s = *format_->streams[i];
    const bool cover = s.disposition & AV_DISPOSITION_ATTACHED_PIC;
    if (s.codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !cover && s.discard < AVDISCARD_ALL)
      return true;
  }
  return false;
}

bool input::tells_places() {
  if (knows_places(*format_))
    return true;
  if (std::string_view{format_->iformat->name} != "matroska,webm")
    return false;
  if (!std::exchange(map_read_, true))
    // What can't be read now is told when libav comes to it.
    if (auto read = read_matroska_map(io_.source()))
      map_ = std::move(*read);
  return map_.has_value();
}

/// What libav makes up where nothing is told (AVFMT_FLAG_GENPTS): each picture one later than it is decoded, in the
/// order of the file.
void input::undo_generated_time(AVPacket& packet) const noexcept {
  auto& s = *format_->streams[packet.stream_index];
  if (s.codecpar->codec_type == AVMEDIA_TYPE_VIDEO && hides_order(*format_, s.codecpar->codec_id))
    packet.pts = lacks_display_times(s) ? AV_NOPTS_VALUE : packet.dts;
}

bool input::lacks_display_times(const AVStream& s) const noexcept {
  auto& par = *s.codecpar;
  return par.codec_type == AVMEDIA_TYPE_VIDEO && par.video_delay > 0 && hides_order(*format_, par.codec_id);
}

result<std::unique_ptr<input>> input::again() const {
  task job{cancelled_};
  job.limits = limits_;
  return open(io_.source(), name_hint_, job);
}

AVStream* input::first(AVMediaType type) noexcept {
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    auto* s = format_->streams[i];
    if (s->codecpar->codec_type != type || (s->disposition & AV_DISPOSITION_ATTACHED_PIC))
      continue;
    if (type == AVMEDIA_TYPE_VIDEO ? s->codecpar->width > 0 : true)
      return s;
  }
  return nullptr;
}

AVStream* input::cover() noexcept {
  for (unsigned i = 0; i < format_->nb_streams; ++i)
    if (auto* s = format_->streams[i]; (s->disposition & AV_DISPOSITION_ATTACHED_PIC) && s->attached_pic.size > 0)
      return s;
  return nullptr;
}

error input::read_error(int code) const {
  if (cancelled())
    return cancelled_error();
  if (io_.failure())
    return *io_.failure();
  if (too_many_subtitles_)
    return {errc::bad_media, "more subtitles than the limit of " + std::to_string(limits_.max_subtitles)
                               + " bytes (media.max_subtitles)"};
  return av_error(code, "the source can't be read");
}

} // namespace troupe::media
