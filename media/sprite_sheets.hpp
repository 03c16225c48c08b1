#pragma once

#include "media/av.hpp"
#include "media/task.hpp"

#include <map>
#include <mutex>
#include <vector>

namespace troupe::media {

/// Puts tiles on sheets, and encodes and writes each sheet as soon as its last tile has come. Any thread; the thread
/// that brings the last tile encodes.
class sprite_sheets {
public:
  /// `shape` tells tile size, columns, rows and count.
  sprite_sheets(const exec::storyboard_request& asked, exec::storyboard_answer shape, const task& job);

  /// `picture` (4:2:0, of the tile's size) for the tiles [first, first + tiles); null: nothing could be decoded, they
  /// show what is before them.
  result<void> put(const AVFrame* picture, uint32_t first, uint32_t tiles);
  /// After the last tile: what was made. bad_media when no tile had a picture.
  result<exec::storyboard_answer> finish();
  /// JPEGs of the single tiles, when a BIF is asked for.
  const std::vector<std::vector<uint8_t>>& single() const noexcept {
    return single_;
  }

private:
  struct sheet {
    av::frame picture;
    std::vector<bool> filled;
    uint32_t done = 0;
  };

  uint32_t tiles_on(uint32_t number) const noexcept;
  sheet& open(uint32_t number);
  void place(sheet& on, uint32_t place, const AVFrame& picture);
  void fill_gaps(uint32_t number, sheet& what);
  result<void> complete(uint32_t number, sheet what);

  const exec::storyboard_request& asked_;
  const task& job_;
  std::mutex mutex_;
  // Guarded by mutex_.
  exec::storyboard_answer answer_;
  std::map<uint32_t, sheet> open_;
  std::vector<std::vector<uint8_t>> single_;
  bool any_ = false;
};

/// Makes a file of that name and writes it.
result<void> write_output(const task& job, const std::string& name, const std::vector<uint8_t>& bytes);

} // namespace troupe::media
