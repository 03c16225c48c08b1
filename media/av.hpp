#pragma once

// RAII over libav: each pointer has a stateless deleter and, where libav allocates, one make_… function that throws
// std::bad_alloc when memory is out (turned into an error at the operation's boundary, operations.cpp).
// Included by .cpp files of this room only; the room's public headers name no libav type.

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavformat/avformat.h>
#include <libavutil/dict.h>
#include <libavutil/frame.h>
}

#include <memory>
#include <new>
#include <string>

namespace troupe::media::av {

struct packet_deleter {
  void operator()(AVPacket* p) const noexcept {
    av_packet_free(&p);
  }
};
struct frame_deleter {
  void operator()(AVFrame* p) const noexcept {
    av_frame_free(&p);
  }
};
struct codec_deleter {
  void operator()(AVCodecContext* p) const noexcept {
    avcodec_free_context(&p);
  }
};
struct parameters_deleter {
  void operator()(AVCodecParameters* p) const noexcept {
    avcodec_parameters_free(&p);
  }
};
struct input_deleter {
  void operator()(AVFormatContext* p) const noexcept {
    avformat_close_input(&p);
  }
};
struct output_deleter {
  void operator()(AVFormatContext* p) const noexcept {
    avformat_free_context(p);
  }
};
struct buffer_deleter {
  void operator()(AVBufferRef* p) const noexcept {
    av_buffer_unref(&p);
  }
};
struct graph_deleter {
  void operator()(AVFilterGraph* p) const noexcept {
    avfilter_graph_free(&p);
  }
};
struct inout_deleter {
  void operator()(AVFilterInOut* p) const noexcept {
    avfilter_inout_free(&p);
  }
};
/// For a context whose buffer libav may have replaced: both are freed.
struct io_deleter {
  void operator()(AVIOContext* p) const noexcept {
    if (p)
      av_freep(&p->buffer);
    avio_context_free(&p);
  }
};

using packet = std::unique_ptr<AVPacket, packet_deleter>;
using frame = std::unique_ptr<AVFrame, frame_deleter>;
using codec_context = std::unique_ptr<AVCodecContext, codec_deleter>;
using parameters = std::unique_ptr<AVCodecParameters, parameters_deleter>;
using input_context = std::unique_ptr<AVFormatContext, input_deleter>;
using output_context = std::unique_ptr<AVFormatContext, output_deleter>;
using buffer = std::unique_ptr<AVBufferRef, buffer_deleter>;
using graph = std::unique_ptr<AVFilterGraph, graph_deleter>;
using inout = std::unique_ptr<AVFilterInOut, inout_deleter>;
using io_context = std::unique_ptr<AVIOContext, io_deleter>;

template <class T>
T* checked(T* p) {
  if (!p)
    throw std::bad_alloc();
  return p;
}

inline packet make_packet() {
  return packet{checked(av_packet_alloc())};
}
inline frame make_frame() {
  return frame{checked(av_frame_alloc())};
}
inline codec_context make_codec(const AVCodec* codec) {
  return codec_context{checked(avcodec_alloc_context3(codec))};
}

inline parameters make_parameters() {
  return parameters{checked(avcodec_parameters_alloc())};
}

/// A dictionary of options; whatever libav leaves in it is freed.
class options {
public:
  options() = default;
  options(const options&) = delete;
  options& operator=(const options&) = delete;
  ~options() {
    av_dict_free(&dict_);
  }
  void set(const char* name, const std::string& value) {
    av_dict_set(&dict_, name, value.c_str(), 0);
  }
  AVDictionary** out() noexcept {
    return &dict_;
  }

private:
  AVDictionary* dict_ = nullptr;
};

} // namespace troupe::media::av
