#include "media/tracks.hpp"

#include "media/decoder.hpp"
#include "media/encoder.hpp"
#include "media/faults.hpp"
#include "media/filter_graph.hpp"

extern "C" {
#include <libavutil/channel_layout.h>
}

#include <cstring>

namespace troupe::media {

namespace {

/// Language, title, flags: what the stream is called does not change by transcoding.
void copy_description(AVStream& out, const AVStream& in) {
  av_dict_copy(&out.metadata, in.metadata, 0);
  for (auto* stale : {"encoder", "DURATION", "BPS", "NUMBER_OF_BYTES", "NUMBER_OF_FRAMES", "vendor_id"})
    av_dict_set(&out.metadata, stale, nullptr, 0);
  out.disposition = in.disposition;
}

class copy_track final : public track {
public:
  copy_track(const planned_track& plan, AVStream& in, AVStream& out, muxer& output) :
    plan_(plan), in_(in), index_(static_cast<unsigned>(out.index)), output_(output) {
  }

  result<void> take(AVPacket& packet) override {
    ++packets_;
    if (packet.flags & AV_PKT_FLAG_CORRUPT)
      ++damaged_;
    if (plan_.cover && written_ > 0)
      return {};
    // What comes before the first keyframe can't be shown.
    if (written_ == 0 && in_.codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !(packet.flags & AV_PKT_FLAG_KEY))
      return {};
    ++written_;
    return output_.write(packet, index_, in_.time_base);
  }
  result<void> finish() override {
    return {};
  }
  int64_t packets() const noexcept override {
    return packets_;
  }
  int64_t damaged() const noexcept override {
    return damaged_;
  }
  int64_t frames() const noexcept override {
    return written_;
  }

private:
  const planned_track& plan_;
  AVStream& in_;
  unsigned index_;
  muxer& output_;
  int64_t packets_ = 0;
  int64_t damaged_ = 0;
  int64_t written_ = 0;
};

/// A frame with the shape that the header promises, to set up filters and encoder before the first packet.
av::frame promised_frame(input& source, AVStream& stream) {
  auto& par = *stream.codecpar;
  auto f = av::make_frame();
  f->format = par.format;
  if (par.codec_type == AVMEDIA_TYPE_VIDEO) {
    f->width = par.width;
    f->height = par.height;
    f->sample_aspect_ratio = av_guess_sample_aspect_ratio(source.format(), &stream, nullptr);
  } else {
    f->sample_rate = par.sample_rate;
    av_channel_layout_copy(&f->ch_layout, &par.ch_layout);
  }
  return f;
}

class coding_track final : public track {
public:
  static result<std::unique_ptr<track>> make(const planned_track& plan, const media_profile& profile, input& source,
                                             muxer& output) {
    auto& in = *source.stream(plan.stream);
    const bool video = in.codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
    if (in.codecpar->format < 0)
      return {errc::bad_media, "stream " + std::to_string(plan.stream) + " can't be decoded: nothing tells its format"};
    auto codec = decoder::open(in, video ? 0 : 1);
    if (!codec)
      return codec.error();
    auto promised = promised_frame(source, in);
    auto graph = filter_graph::make(*promised, in.time_base, plan.frame_rate, plan.filters, in.codecpar->codec_type);
    if (!graph)
      return graph.error();
    auto coder = open_encoder(plan, profile, in, *graph, output.wants_global_header());
    if (!coder)
      return coder.error();
    auto* out = output.add_stream();
    if (int code = avcodec_parameters_from_context(out->codecpar, &coder->context()); code < 0)
      return av_error(code, "the output's stream can't be described");
    out->time_base = coder->context().time_base;
    if (video)
      out->avg_frame_rate = plan.frame_rate;
    copy_description(*out, in);
    return std::unique_ptr<track>(
      new coding_track(plan, in, output, out->index, std::move(*codec), std::move(*graph), std::move(*coder)));
  }

  result<void> take(AVPacket& packet) override {
    return decoder_.send(&packet, [this](AVFrame& f) { return filter(f); });
  }

  result<void> finish() override {
    TROUPE_TRY(decoder_.send(nullptr, [this](AVFrame& f) { return filter(f); }));
    TROUPE_TRY(graph_.push(nullptr, [this](AVFrame& f) { return encode(f); }));
    return encoder_.send(nullptr, [this](AVPacket& p) { return write(p); });
  }

  int64_t packets() const noexcept override {
    return decoder_.packets();
  }
  int64_t damaged() const noexcept override {
    return decoder_.damaged();
  }
  int64_t frames() const noexcept override {
    return frames_;
  }

private:
  coding_track(const planned_track& plan, AVStream& in, muxer& output, int index, decoder d, filter_graph g,
               encoder e) :
    plan_(plan),
    in_(in), output_(output), index_(static_cast<unsigned>(index)), decoder_(std::move(d)), graph_(std::move(g)),
    encoder_(std::move(e)) {
    graph_.set_frame_size(frame_size());
  }

  static result<encoder> open_encoder(const planned_track& plan, const media_profile& profile, const AVStream& in,
                                      const filter_graph& graph, bool global_header) {
    if (in.codecpar->codec_type == AVMEDIA_TYPE_VIDEO) {
      video_settings s;
      s.encoder = plan.encoder;
      s.crf = profile.crf;
      s.preset = profile.preset;
      s.frame_rate = plan.frame_rate;
      s.colors = in.codecpar;
      s.global_header = global_header;
      return encoder::video(s, graph.output());
    }
    return encoder::audio({plan.encoder, plan.bit_rate, global_header}, graph.output());
  }

  bool video() const noexcept {
    return in_.codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
  }

  int frame_size() const noexcept {
    bool any = encoder_.context().codec->capabilities & AV_CODEC_CAP_VARIABLE_FRAME_SIZE;
    return video() || any ? 0 : encoder_.context().frame_size;
  }

  /// Frames without a time follow the one before.
  void give_time(AVFrame& f) {
    if (f.pts == AV_NOPTS_VALUE)
      f.pts = next_pts_;
    auto length = f.pkt_duration;
    if (f.nb_samples > 0 && f.sample_rate > 0)
      length = av_rescale_q(f.nb_samples, {1, f.sample_rate}, in_.time_base);
    else if (length <= 0)
      length = av_rescale_q(1, av_inv_q(plan_.frame_rate), in_.time_base);
    next_pts_ = f.pts + length;
  }

  result<void> filter(AVFrame& f) {
    give_time(f);
    auto onward = [this](AVFrame& out) { return encode(out); };
    if (!graph_.accepts(f)) {
      // The picture's size or the sound's format changes on the way: drain the old filters, set up new ones that end
      // in the same format.
      TROUPE_TRY(graph_.push(nullptr, onward));
      auto made = filter_graph::make(f, in_.time_base, plan_.frame_rate, plan_.filters, in_.codecpar->codec_type);
      if (!made)
        return made.error();
      graph_ = std::move(*made);
      graph_.set_frame_size(frame_size());
    }
    return graph_.push(&f, onward);
  }

  result<void> encode(AVFrame& f) {
    // Two frames at one time are one too many for every container.
    if (f.pts != AV_NOPTS_VALUE && last_pts_ != AV_NOPTS_VALUE && f.pts <= last_pts_)
      return {};
    last_pts_ = f.pts;
    ++frames_;
    f.pict_type = AV_PICTURE_TYPE_NONE;
    return encoder_.send(&f, [this](AVPacket& p) { return write(p); });
  }

  result<void> write(AVPacket& p) {
    auto time_base = encoder_.context().time_base;
    // x264 leaves it open, and then the last picture would have no length.
    if (p.duration <= 0 && video())
      p.duration = av_rescale_q(1, av_inv_q(plan_.frame_rate), time_base);
    return output_.write(p, index_, time_base);
  }

  const planned_track& plan_;
  AVStream& in_;
  muxer& output_;
  unsigned index_;
  decoder decoder_;
  filter_graph graph_;
  encoder encoder_;
  int64_t next_pts_ = 0;
  int64_t last_pts_ = AV_NOPTS_VALUE;
  int64_t frames_ = 0;
};

/// The container's tag for the codec: the source's when it is a tag of this container too. H.265 in mp4 is "hvc1",
/// the only tag that Apple's players take.
uint32_t tag_for(const AVOutputFormat& container, const AVCodecParameters& par) {
  if (par.codec_id == AV_CODEC_ID_HEVC && std::strcmp(container.name, "mp4") == 0)
    return MKTAG('h', 'v', 'c', '1');
  if (!container.codec_tag || av_codec_get_id(container.codec_tag, par.codec_tag) == par.codec_id)
    return par.codec_tag;
  return 0;
}

result<std::unique_ptr<track>> make_copy(const planned_track& plan, input& source, muxer& output) {
  auto& in = *source.stream(plan.stream);
  auto* out = output.add_stream();
  if (int code = avcodec_parameters_copy(out->codecpar, in.codecpar); code < 0)
    return av_error(code, "the output's stream can't be described");
  out->codecpar->codec_tag = tag_for(*output.format()->oformat, *in.codecpar);
  out->time_base = in.time_base;
  out->avg_frame_rate = in.avg_frame_rate;
  out->r_frame_rate = in.r_frame_rate;
  out->sample_aspect_ratio = in.sample_aspect_ratio;
  copy_description(*out, in);
  size_t size = 0;
  if (auto* matrix = av_stream_get_side_data(&in, AV_PKT_DATA_DISPLAYMATRIX, &size))
    if (auto* copy = av_stream_new_side_data(out, AV_PKT_DATA_DISPLAYMATRIX, size))
      std::memcpy(copy, matrix, size);
  return std::unique_ptr<track>(std::make_unique<copy_track>(plan, in, *out, output));
}

} // namespace

result<std::unique_ptr<track>> make_track(const planned_track& plan, const media_profile& profile, input& source,
                                          muxer& output) {
  return plan.copy ? make_copy(plan, source, output) : coding_track::make(plan, profile, source, output);
}

} // namespace troupe::media
