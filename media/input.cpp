#include "media/input.hpp"

#include "media/faults.hpp"
#include "media/log_capture.hpp"
#include "media/stream_completion.hpp"

extern "C" {
#include <libavutil/avstring.h>
}

#include <cctype>

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

/// libav's last word on the matter, in brackets, when it had one.
std::string reason() {
  auto line = log_capture::last();
  return line.empty() ? line : " (" + line + ")";
}

} // namespace

input::input(int fd, const std::atomic<bool>& cancelled) : cancelled_(cancelled), io_(fd, cancelled) {
}

result<std::unique_ptr<input>> input::open(int fd, const std::string& name_hint, const task& job, depth how_deep) {
  std::unique_ptr<input> self{new input(fd, job.cancelled)};
  if (self->io_.size() == 0)
    return {errc::bad_media, "the file is empty"};
  TROUPE_TRY(self->detect(name_hint));
  TROUPE_TRY(self->find_streams(how_deep));
  TROUPE_TRY(self->check_streams());
  return self;
}

result<void> input::detect(const std::string& name_hint) {
  auto name = hinted_name(name_hint);
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
    stream_completion completion(*format_, io_.fd());
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
  return after_finding(avformat_find_stream_info(format_.get(), nullptr));
}

result<void> input::open_format(bool prepared) {
  auto* context = av::checked(avformat_alloc_context());
  context->pb = io_.context();
  context->flags |= AVFMT_FLAG_CUSTOM_IO;
  context->io_open = &refuse_open;
  context->interrupt_callback = {&interrupted, const_cast<std::atomic<bool>*>(&cancelled_)};
  context->max_streams = max_streams;
  context->probesize = probe_bytes;
  if (prepared)
    stream_completion::prepare(*context, *detected_);
  av::options options;
  options.set("format_whitelist", known_formats);
  options.set("protocol_whitelist", "none");
  // MPEG-TS: programmes beyond the first that the header names; others don't know the option.
  options.set("scan_all_pmts", "1");
  // On failure libav frees the context and clears the pointer.
  int code = avformat_open_input(&context, "", detected_, options.out());
  if (code < 0) {
    auto damaged = std::string("the file looks like ") + detected_->name + " but can't be opened" + reason();
    return io_.failure() || code == AVERROR_EXIT ? read_error(code) : av_error(code, damaged);
  }
  format_.reset(context);
  return {};
}

result<void> input::after_finding(int code) {
  if (io_.failure() || code == AVERROR_EXIT || cancelled())
    return read_error(cancelled() ? AVERROR_EXIT : code);
  if (code < 0)
    return av_error(code, "the streams of the " + std::string(detected_->name) + " file can't be read" + reason());
  return {};
}

result<void> input::check_streams() {
  bool any = false;
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    auto& par = *format_->streams[i]->codecpar;
    if (static_cast<int64_t>(par.width) * par.height > max_pixels)
      return {errc::bad_media, "a picture of " + std::to_string(par.width) + "x" + std::to_string(par.height)
                                 + " pixels is larger than the limit of 8192x8192"};
    bool picture = format_->streams[i]->disposition & AV_DISPOSITION_ATTACHED_PIC;
    any |= par.codec_type == AVMEDIA_TYPE_VIDEO && !picture && par.width > 0 && par.height > 0;
    any |= par.codec_type == AVMEDIA_TYPE_AUDIO && par.sample_rate > 0;
  }
  if (!any)
    return {errc::bad_media, std::string("the ") + detected_->name + " file holds neither video nor audio" + reason()};
  return {};
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
    return system_error(io_.failure(), "the source can't be read");
  return av_error(code, "the source can't be read");
}

} // namespace troupe::media
