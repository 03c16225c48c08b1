#include "media/encoder.hpp"

#include "media/encoder_options.hpp"
#include "media/faults.hpp"
#include "media/graphics.hpp"
#include "media/hardware_encoders.hpp"

extern "C" {
#include <libavfilter/buffersink.h>
#include <libavutil/opt.h>
}

#include <cstring>

namespace troupe::media {

namespace {

result<const AVCodec*> find(const std::string& name) {
  if (auto* codec = avcodec_find_encoder_by_name(name.c_str()))
    return codec;
  return {errc::unprocessable, "the encoder " + name + " is not in this libavcodec"};
}

result<void> open(AVCodecContext& context, const AVCodec& codec, av::options& options) {
  if (int code = avcodec_open2(&context, &codec, options.out()); code < 0) {
    auto why = av_error(code, std::string("the encoder ") + codec.name + " can't be opened");
    if (why.code == errc::bad_media)
      why.code = errc::unprocessable;
    return why;
  }
  return {};
}

} // namespace

/// One picture of any content.
bool encoder::feed_grey(AVCodecContext& context) noexcept {
  av::frame picture{av_frame_alloc()};
  if (!picture)
    return false;
  picture->width = context.width;
  picture->height = context.height;
  picture->format = context.pix_fmt;
  picture->pts = 0;
  if (av_frame_get_buffer(picture.get(), 0) < 0)
    return false;
  for (auto* plane : picture->buf)
    if (plane)
      std::memset(plane->data, 128, plane->size);
  return avcodec_send_frame(&context, picture.get()) >= 0;
}

encoder::encoder(av::codec_context context) :
  context_(std::move(context)), name_(context_->codec->name), packet_(av::make_packet()) {
}

encoder::~encoder() {
  // SVT-AV1 (1.4.1) waits for ever in its end when it never had a picture, or was not told that no more comes.
  if (!context_ || !avcodec_is_open(context_.get()) || name_ != "libsvtav1" || (flushed_ && fed_))
    return;
  if (!fed_ && !feed_grey(*context_)) {
    // Better lost than waited for.
    (void)context_.release();
    return;
  }
  avcodec_send_frame(context_.get(), nullptr);
  while (avcodec_receive_packet(context_.get(), packet_.get()) >= 0)
    av_packet_unref(packet_.get());
}

result<encoder> encoder::video(const video_settings& settings, const AVFilterContext& from) {
  auto codec = find(settings.encoder);
  if (!codec)
    return codec.error();
  auto context = av::make_codec(*codec);
  context->width = av_buffersink_get_w(&from);
  context->height = av_buffersink_get_h(&from);
  context->pix_fmt = static_cast<AVPixelFormat>(av_buffersink_get_format(&from));
  context->sample_aspect_ratio = av_buffersink_get_sample_aspect_ratio(&from);
  context->time_base = av_buffersink_get_time_base(&from);
  context->framerate = settings.frame_rate;
  context->thread_count = 0;
  context->color_range = AVCOL_RANGE_MPEG;
  context->color_primaries = settings.colors.primaries;
  context->color_trc = settings.colors.transfer;
  context->colorspace = settings.colors.space;
  context->chroma_sample_location = settings.colors.chroma;
  if (settings.global_header)
    context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  av::options options;
  for (auto& [name, value] : video_options(settings, context->width))
    options.set(name.c_str(), value);
  encoder made(std::move(context));
  if (auto done = made.open_video(**codec, options); !done)
    return made.failed(done.error());
  return made;
}

result<void> encoder::open_video(const AVCodec& codec, av::options& options) {
  if (auto* card = graphics_card_for(codec.name)) {
    const bool own_memory = codec.pix_fmts && codec.pix_fmts[0] == AV_PIX_FMT_VAAPI;
    if (!own_memory) {
      context_->hw_device_ctx = av::checked(av_buffer_ref(card));
    } else {
      auto upload = frame_upload::make(*card, context_->pix_fmt, context_->width, context_->height);
      if (!upload)
        return upload.error();
      context_->pix_fmt = AV_PIX_FMT_VAAPI;
      context_->hw_frames_ctx = av::checked(av_buffer_ref(upload->frames()));
      upload_ = std::move(*upload);
    }
  }
  return open(*context_, codec, options);
}

/// A card's fault is neither the film's nor the profile's: software can do the same.
error encoder::failed(error why) const {
  if (!is_hardware_encoder(name_))
    return why;
  withdraw_hardware_encoder(name_, why.message);
  return {errc::unavailable,
          "the hardware encoder " + name_ + " failed: " + why.message + "; the next attempt does without"};
}

result<encoder> encoder::audio(const audio_settings& settings, const AVFilterContext& from) {
  auto codec = find(settings.encoder);
  if (!codec)
    return codec.error();
  auto context = av::make_codec(*codec);
  context->sample_fmt = static_cast<AVSampleFormat>(av_buffersink_get_format(&from));
  context->sample_rate = av_buffersink_get_sample_rate(&from);
  if (int code = av_buffersink_get_ch_layout(&from, &context->ch_layout); code < 0)
    return av_error(code, "the channel layout can't be used");
  context->time_base = {1, context->sample_rate};
  context->bit_rate = settings.bit_rate;
  if (settings.global_header)
    context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  av::options options;
  encoder made(std::move(context));
  TROUPE_TRY(open(*made.context_, **codec, options));
  return made;
}

result<void> encoder::send(const AVFrame* frame, const packet_sink& sink) {
  flushed_ |= !frame;
  fed_ |= frame != nullptr;
  av::frame uploaded;
  if (frame && upload_) {
    auto there = upload_->upload(*frame);
    if (!there)
      return failed(there.error());
    uploaded = std::move(*there);
    frame = uploaded.get();
  }
  int code = avcodec_send_frame(context_.get(), frame);
  if (code < 0 && code != AVERROR_EOF)
    return failed(av_error(code, "encoding failed"));
  for (;;) {
    code = avcodec_receive_packet(context_.get(), packet_.get());
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
      return {};
    if (code < 0)
      return failed(av_error(code, "encoding failed"));
    auto taken = sink(*packet_);
    av_packet_unref(packet_.get());
    if (!taken)
      return taken;
  }
}

} // namespace troupe::media
