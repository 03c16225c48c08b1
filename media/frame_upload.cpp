#include "media/frame_upload.hpp"

#include "media/faults.hpp"

extern "C" {
#include <libavutil/hwcontext.h>
}

namespace troupe::media {

namespace {

result<void> checked_upload(int code) {
  if (code >= 0)
    return {};
  auto why = av_error(code, "the graphics card takes no more frames");
  return error{errc::unavailable, std::move(why.message)};
}

} // namespace

result<frame_upload> frame_upload::make(AVBufferRef& card, AVPixelFormat format, int width, int height) {
  av::buffer pool{av::checked(av_hwframe_ctx_alloc(&card))};
  auto& frames = *reinterpret_cast<AVHWFramesContext*>(pool->data);
  frames.format = AV_PIX_FMT_VAAPI;
  frames.sw_format = format;
  frames.width = width;
  frames.height = height;
  TROUPE_TRY(checked_upload(av_hwframe_ctx_init(pool.get())));
  return frame_upload(std::move(pool));
}

result<av::frame> frame_upload::upload(const AVFrame& frame) const {
  auto there = av::make_frame();
  TROUPE_TRY(checked_upload(av_hwframe_get_buffer(pool_.get(), there.get(), 0)));
  TROUPE_TRY(checked_upload(av_hwframe_transfer_data(there.get(), &frame, 0)));
  TROUPE_TRY(checked_upload(av_frame_copy_props(there.get(), &frame)));
  return there;
}

} // namespace troupe::media
