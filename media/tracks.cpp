#include "media/tracks.hpp"

#include "media/coding_tracks.hpp"
#include "media/faults.hpp"
#include "media/stream_description.hpp"

#include <cstring>

namespace troupe::media {

namespace {

class copy_track final : public track {
public:
  copy_track(bool cover, AVStream& in, unsigned index, packet_writer& output) :
    cover_(cover), in_(in), index_(index), output_(output) {
  }

  result<void> take(AVPacket& packet) override {
    ++packets_;
    if (packet.flags & AV_PKT_FLAG_CORRUPT)
      ++damaged_;
    if (cover_ && frames() > 0)
      return {};
    // What comes before the first keyframe can't be shown.
    if (frames() == 0 && in_.codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !(packet.flags & AV_PKT_FLAG_KEY))
      return {};
    written_.fetch_add(1, std::memory_order_relaxed);
    return output_.write(packet, index_, in_.time_base);
  }
  result<void> finish() override {
    output_.finished();
    return {};
  }
  int64_t packets() const noexcept override {
    return packets_;
  }
  int64_t damaged() const noexcept override {
    return damaged_;
  }
  int64_t frames() const noexcept override {
    return written_.load(std::memory_order_relaxed);
  }

private:
  const bool cover_;
  AVStream& in_;
  const unsigned index_;
  packet_writer& output_;
  int64_t packets_ = 0;
  int64_t damaged_ = 0;
  std::atomic<int64_t> written_ = 0;
};

class aside_track final : public track {
public:
  result<void> take(AVPacket&) override {
    return {};
  }
  result<void> finish() override {
    return {};
  }
  int64_t packets() const noexcept override {
    return 0;
  }
  int64_t damaged() const noexcept override {
    return 0;
  }
  int64_t frames() const noexcept override {
    return 0;
  }
};

/// In Matroska covers are attached files, which libav's muxer makes of such streams alone.
result<void> attach_cover(AVStream& out, const AVStream& in) {
  auto& par = *out.codecpar;
  const auto size = static_cast<size_t>(in.attached_pic.size);
  av_freep(&par.extradata);
  par.extradata = static_cast<uint8_t*>(av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE));
  if (!par.extradata)
    return av_error(AVERROR(ENOMEM), "the output's stream can't be described");
  std::memcpy(par.extradata, in.attached_pic.data, size);
  par.extradata_size = in.attached_pic.size;
  par.codec_type = AVMEDIA_TYPE_ATTACHMENT;
  const bool png = par.codec_id == AV_CODEC_ID_PNG;
  // The names that players look for.
  av_dict_set(&out.metadata, "filename", png ? "cover.png" : "cover.jpg", 0);
  av_dict_set(&out.metadata, "mimetype", png ? "image/png" : "image/jpeg", 0);
  out.disposition = 0;
  return {};
}

result<std::unique_ptr<track>> make_copy(const planned_track& plan, input& source, packet_writer& output) {
  auto& in = *source.stream(plan.stream);
  auto& muxer = output.output();
  auto* out = muxer.add_stream();
  if (int code = avcodec_parameters_copy(out->codecpar, in.codecpar); code < 0)
    return av_error(code, "the output's stream can't be described");
  out->codecpar->codec_tag = container_tag(*muxer.format()->oformat, *in.codecpar);
  out->time_base = in.time_base;
  out->avg_frame_rate = in.avg_frame_rate;
  out->r_frame_rate = in.r_frame_rate;
  out->sample_aspect_ratio = in.sample_aspect_ratio;
  copy_description(*out, in);
  TROUPE_TRY(copy_side_data(*out, in));
  if (plan.way == track_way::cover && std::strcmp(muxer.format()->oformat->name, "matroska") == 0) {
    TROUPE_TRY(attach_cover(*out, in));
    return std::unique_ptr<track>(std::make_unique<aside_track>());
  }
  output.expect();
  return std::unique_ptr<track>(
    std::make_unique<copy_track>(plan.way == track_way::cover, in, static_cast<unsigned>(out->index), output));
}

result<std::unique_ptr<track>> make_coding(const planned_track& plan, input& source, packet_writer& output) {
  auto stream = coded_stream::make(plan, source, output);
  if (!stream)
    return stream.error();
  if (source.stream(plan.stream)->codecpar->codec_type == AVMEDIA_TYPE_AUDIO)
    return make_audio_track(source, plan.stream, std::move(*stream));
  std::vector<std::unique_ptr<coded_stream>> outputs;
  outputs.push_back(std::move(*stream));
  return make_video_track(source, plan.stream, std::move(outputs));
}

} // namespace

result<std::unique_ptr<track>> make_track(const planned_track& plan, input& source, packet_writer& output) {
  switch (plan.way) {
  case track_way::code:
    return make_coding(plan, source, output);
  case track_way::subtitle:
    return make_subtitle_track(plan, source, output);
  case track_way::aside:
    return std::unique_ptr<track>(std::make_unique<aside_track>());
  default:
    return make_copy(plan, source, output);
  }
}

} // namespace troupe::media
