#include "media/sprite_sheets.hpp"

#include "media/file_io.hpp"
#include "media/image_encoder.hpp"
#include "media/storyboard_files.hpp"

#include <algorithm>
#include <cstring>

namespace troupe::media {

namespace {

constexpr uint8_t no_colour = 128;

av::frame black_picture(int width, int height) {
  auto picture = av::make_frame();
  picture->width = width;
  picture->height = height;
  picture->format = AV_PIX_FMT_YUV420P;
  picture->color_range = AVCOL_RANGE_JPEG;
  picture->colorspace = AVCOL_SPC_BT470BG;
  if (av_frame_get_buffer(picture.get(), 0) < 0)
    throw std::bad_alloc();
  for (int plane = 0; plane < 3; ++plane)
    std::memset(picture->data[plane], plane == 0 ? 0 : no_colour,
                static_cast<size_t>(picture->linesize[plane]) * static_cast<size_t>(plane == 0 ? height : height / 2));
  return picture;
}

/// A rectangle of even place and size from one 4:2:0 picture to another.
void copy(const AVFrame& from, int from_x, int from_y, AVFrame& to, int to_x, int to_y, int width, int height) {
  for (int plane = 0; plane < 3; ++plane) {
    const int half = plane == 0 ? 0 : 1;
    for (int row = 0; row < height >> half; ++row)
      std::memcpy(to.data[plane] + static_cast<ptrdiff_t>((to_y >> half) + row) * to.linesize[plane] + (to_x >> half),
                  from.data[plane] + static_cast<ptrdiff_t>((from_y >> half) + row) * from.linesize[plane]
                    + (from_x >> half),
                  static_cast<size_t>(width >> half));
  }
}

} // namespace

result<void> write_output(const task& job, const std::string& name, const std::vector<uint8_t>& bytes) {
  auto file = job.create(name);
  if (!file)
    return file.error();
  return write_at(file->get(), bytes.data(), bytes.size(), 0);
}

sprite_sheets::sprite_sheets(const exec::storyboard_request& asked, exec::storyboard_answer shape, const task& job) :
  asked_(asked), job_(job), answer_(std::move(shape)), single_(asked.bif ? answer_.count : 0) {
  const auto a_sheet = answer_.columns * answer_.rows;
  answer_.sheets.resize((answer_.count + a_sheet - 1) / a_sheet);
}

uint32_t sprite_sheets::tiles_on(uint32_t number) const noexcept {
  const auto a_sheet = answer_.columns * answer_.rows;
  return std::min(a_sheet, answer_.count - number * a_sheet);
}

sprite_sheets::sheet& sprite_sheets::open(uint32_t number) {
  auto [it, fresh] = open_.try_emplace(number);
  if (fresh) {
    const auto tiles = tiles_on(number);
    // Jellyfin's sheets have room for all tiles, whatever is on them.
    const auto columns = asked_.jellyfin ? answer_.columns : std::min(answer_.columns, tiles);
    const auto rows = asked_.jellyfin ? answer_.rows : (tiles + answer_.columns - 1) / answer_.columns;
    it->second.picture =
      black_picture(static_cast<int>(columns * answer_.tile_width), static_cast<int>(rows * answer_.tile_height));
    it->second.filled.resize(tiles);
  }
  return it->second;
}

void sprite_sheets::place(sheet& on, uint32_t place, const AVFrame& picture) {
  copy(picture, 0, 0, *on.picture, static_cast<int>(place % answer_.columns * answer_.tile_width),
       static_cast<int>(place / answer_.columns * answer_.tile_height), static_cast<int>(answer_.tile_width),
       static_cast<int>(answer_.tile_height));
  on.filled[place] = true;
}

void sprite_sheets::fill_gaps(uint32_t number, sheet& what) {
  auto& filled = what.filled;
  auto first = static_cast<size_t>(std::find(filled.begin(), filled.end(), true) - filled.begin());
  // A sheet without any picture stays black.
  if (first == filled.size())
    return;
  const auto width = static_cast<int>(answer_.tile_width);
  const auto height = static_cast<int>(answer_.tile_height);
  auto corner = [&](size_t place, int& x, int& y) {
    x = static_cast<int>(place % answer_.columns) * width;
    y = static_cast<int>(place / answer_.columns) * height;
  };
  size_t before = first;
  for (size_t i = 0; i < filled.size(); ++i) {
    if (filled[i]) {
      before = i;
      continue;
    }
    int from_x = 0;
    int from_y = 0;
    int x = 0;
    int y = 0;
    corner(before, from_x, from_y);
    corner(i, x, y);
    copy(*what.picture, from_x, from_y, *what.picture, x, y, width, height);
    if (asked_.bif) {
      const size_t start = size_t{number} * answer_.columns * answer_.rows;
      single_[start + i] = single_[start + before];
    }
  }
}

result<void> sprite_sheets::put(const AVFrame* picture, uint32_t first, uint32_t tiles) {
  std::vector<uint8_t> jpeg;
  if (picture && asked_.bif) {
    auto bytes = encode_image(*picture, exec::picture_format::jpeg, static_cast<int>(asked_.quality));
    if (!bytes)
      return bytes.error();
    jpeg = std::move(*bytes);
  }
  std::map<uint32_t, sheet> full;
  {
    std::lock_guard lock(mutex_);
    any_ |= picture != nullptr;
    const auto a_sheet = answer_.columns * answer_.rows;
    for (auto tile = first; tile < first + tiles; ++tile) {
      const auto number = tile / a_sheet;
      auto& on = open(number);
      if (picture)
        place(on, tile % a_sheet, *picture);
      if (!jpeg.empty())
        single_[tile] = jpeg;
      if (++on.done == on.filled.size()) {
        fill_gaps(number, on);
        full.insert(open_.extract(number));
      }
    }
  }
  for (auto& [number, what] : full)
    TROUPE_TRY(complete(number, std::move(what)));
  return {};
}

result<void> sprite_sheets::complete(uint32_t number, sheet what) {
  auto bytes = encode_image(*what.picture, exec::picture_format::jpeg, static_cast<int>(asked_.quality));
  if (!bytes)
    return bytes.error();
  const auto name = sheet_name(asked_, answer_, number);
  TROUPE_TRY(write_output(job_, name, *bytes));
  std::lock_guard lock(mutex_);
  answer_.sheets[number] = {name, static_cast<uint32_t>(what.picture->width),
                            static_cast<uint32_t>(what.picture->height), bytes->size(), tiles_on(number)};
  return {};
}

result<exec::storyboard_answer> sprite_sheets::finish() {
  std::lock_guard lock(mutex_);
  if (!any_)
    return {errc::bad_media, "no picture of the video can be decoded"};
  return answer_;
}

} // namespace troupe::media
