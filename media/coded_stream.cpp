#include "media/coded_stream.hpp"

#include "media/faults.hpp"
#include "media/sound_gaps.hpp"
#include "media/stream_description.hpp"
#include "media/transcode_filters.hpp"

extern "C" {
#include <libavfilter/buffersink.h>
#include <libavutil/channel_layout.h>
}

#include <cmath>

namespace troupe::media {

namespace {

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

result<filter_graph> make_graph(const planned_track& plan, const AVFrame& first, const AVStream& in,
                                const std::string& filters, bool deinterlace) {
  auto chain = (deinterlace ? deinterlace_filter : "") + filters;
  return filter_graph::make(first, in.time_base, plan.frame_rate, chain, in.codecpar->codec_type);
}

} // namespace

result<std::unique_ptr<coded_stream>> coded_stream::make(const planned_track& plan, input& source, packet_writer& out) {
  auto& in = *source.stream(plan.stream);
  auto& muxer = out.output();
  if (in.codecpar->format < 0)
    return {errc::bad_media, "stream " + std::to_string(plan.stream) + " can't be decoded: nothing tells its format"};
  auto promised = promised_frame(source, in);
  auto graph = make_graph(plan, *promised, in, plan.filters, interlaced(in.codecpar->field_order));
  if (!graph)
    return graph.error();
  const bool is_video = in.codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
  auto video = plan.video;
  video.global_header = muxer.wants_global_header();
  auto coder = is_video ? encoder::video(video, graph->output())
                        : encoder::audio({plan.encoder, plan.sound.bit_rate, video.global_header}, graph->output());
  if (!coder)
    return coder.error();
  auto* stream = muxer.add_stream();
  if (int code = avcodec_parameters_from_context(stream->codecpar, &coder->context()); code < 0)
    return av_error(code, "the output's stream can't be described");
  stream->time_base = coder->context().time_base;
  if (is_video) {
    stream->avg_frame_rate = plan.frame_rate;
    stream->codecpar->codec_tag = container_tag(*muxer.format()->oformat, *stream->codecpar);
    if (plan.hdr)
      TROUPE_TRY(copy_hdr_metadata(*stream, in));
  }
  copy_description(*stream, in);
  out.expect();
  return std::unique_ptr<coded_stream>(new coded_stream(plan, source, in, out, static_cast<unsigned>(stream->index),
                                                        std::move(*graph), std::move(*coder)));
}

coded_stream::coded_stream(const planned_track& plan, input& source, AVStream& in, packet_writer& out, unsigned index,
                           filter_graph graph, encoder coder) :
  plan_(plan),
  in_(in), aspect_(av_guess_sample_aspect_ratio(source.format(), &in, nullptr)), out_(out), index_(index),
  graph_(std::move(graph)), deinterlaces_(interlaced(in.codecpar->field_order)), encoder_(std::move(coder)) {
  graph_.set_frame_size(frame_size());
  auto& par = *in.codecpar;
  if (!video())
    adapter_.emplace(static_cast<AVSampleFormat>(par.format), par.sample_rate, par.ch_layout, in.time_base);
}

int coded_stream::frame_size() const noexcept {
  bool any = encoder_.context().codec->capabilities & AV_CODEC_CAP_VARIABLE_FRAME_SIZE;
  return video() || any ? 0 : encoder_.context().frame_size;
}

/// Frames without a time follow the one before.
void coded_stream::give_time(AVFrame& f) {
  if (f.pts == AV_NOPTS_VALUE)
    f.pts = next_pts_;
  auto length = f.pkt_duration;
  if (f.nb_samples > 0 && f.sample_rate > 0)
    length = av_rescale_q(f.nb_samples, {1, f.sample_rate}, in_.time_base);
  else if (length <= 0)
    length = av_rescale_q(1, av_inv_q(plan_.frame_rate), in_.time_base);
  next_pts_ = f.pts + length;
}

/// Of each slot of the film's clock the first frame is kept: which ones are does not depend on where decoding began.
bool coded_stream::too_soon(const AVFrame& f) noexcept {
  if (plan_.min_frame_time <= 0)
    return false;
  const double length = 1 / av_q2d(plan_.frame_rate);
  // Half a frame of the source: timestamps are rounded.
  const double slack = length - plan_.min_frame_time;
  const auto slot =
    static_cast<int64_t>(std::floor((static_cast<double>(f.pts) * av_q2d(in_.time_base) + slack) / length));
  if (slot == kept_slot_)
    return true;
  kept_slot_ = slot;
  return false;
}

/// The picture's size or shape changes on the way, or interlaced pictures come where none were promised: the old
/// filters are drained, and new ones end in the same format.
result<void> coded_stream::renew_graph(const AVFrame& f, const frame_sink& next) {
  TROUPE_TRY(graph_.push(nullptr, next));
  // The container's word counts until the pictures themselves change their mind.
  const bool changed = av_cmp_q(f.sample_aspect_ratio, first_aspect_) != 0;
  auto filters = fit_filters(plan_.fit, static_cast<AVPixelFormat>(f.format), f.width, f.height,
                             changed ? f.sample_aspect_ratio : aspect_);
  auto made = make_graph(plan_, f, in_, filters, deinterlaces_);
  if (!made)
    return made.error();
  graph_ = std::move(*made);
  return {};
}

result<void> coded_stream::filter_picture(AVFrame& f, const frame_sink& next) {
  if (!seen_) {
    seen_ = true;
    first_aspect_ = last_aspect_ = f.sample_aspect_ratio;
  }
  const bool newly_interlaced = f.interlaced_frame && !deinterlaces_;
  const bool other_aspect = av_cmp_q(f.sample_aspect_ratio, last_aspect_) != 0;
  deinterlaces_ |= newly_interlaced;
  last_aspect_ = f.sample_aspect_ratio;
  if (newly_interlaced || other_aspect || !graph_.accepts(f))
    TROUPE_TRY(renew_graph(f, next));
  return graph_.push(&f, next);
}

result<void> coded_stream::filter_sound(AVFrame& f, int64_t expected, const frame_sink& next) {
  auto onward = [&](AVFrame& sound) { return adapter_->push(&sound, graph_, next); };
  // Sound that begins late has no gap before it.
  if (seen_)
    TROUPE_TRY(fill_gap(f, expected, in_.time_base, onward));
  seen_ = true;
  return onward(f);
}

result<void> coded_stream::filter(AVFrame* f, const frame_sink& to_encoder) {
  // A graph that was set up later may count in finer units than the encoder: deinterlacing halves them.
  const frame_sink next = [&](AVFrame& out) {
    if (out.pts != AV_NOPTS_VALUE)
      out.pts = av_rescale_q(out.pts, av_buffersink_get_time_base(&graph_.output()), time_base());
    return to_encoder(out);
  };
  if (!f && adapter_)
    TROUPE_TRY(adapter_->push(nullptr, graph_, next));
  if (!f)
    return graph_.push(nullptr, next);
  const auto expected = next_pts_;
  give_time(*f);
  if (too_soon(*f))
    return {};
  return video() ? filter_picture(*f, next) : filter_sound(*f, expected, next);
}

/// At fixed places, counted in time and not in frames: variants of one film break at the same ones, and a film whose
/// frames become fewer has them as often.
bool coded_stream::keyframe_due(const AVFrame& f) noexcept {
  if (!video() || plan_.video.keyframe_interval <= 0)
    return false;
  const double half_frame = 0.5 / av_q2d(plan_.frame_rate);
  const double at = static_cast<double>(f.pts) * av_q2d(encoder_.context().time_base) + half_frame;
  if (at < next_keyframe_)
    return false;
  next_keyframe_ = (std::floor(at / plan_.video.keyframe_interval) + 1) * plan_.video.keyframe_interval;
  return true;
}

result<void> coded_stream::encode(AVFrame* f) {
  auto onward = [this](AVPacket& p) { return write(p); };
  if (!f) {
    TROUPE_TRY(encoder_.send(nullptr, onward));
    out_.finished();
    return {};
  }
  // Two frames at one time are one too many for every container.
  if (f->pts != AV_NOPTS_VALUE && last_pts_ != AV_NOPTS_VALUE && f->pts <= last_pts_) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  last_pts_ = f->pts;
  frames_.fetch_add(1, std::memory_order_relaxed);
  f->pict_type = keyframe_due(*f) ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
  return encoder_.send(f, onward);
}

result<void> coded_stream::write(AVPacket& p) {
  auto time_base = encoder_.context().time_base;
  // x264 leaves it open, and then the last picture would have no length.
  if (p.duration <= 0 && video())
    p.duration = av_rescale_q(1, av_inv_q(plan_.frame_rate), time_base);
  return out_.write(p, index_, time_base);
}

} // namespace troupe::media
