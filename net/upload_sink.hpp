#pragma once

#include "net/exchange.hpp"
#include "net/multipart.hpp"

#include "protocol/ports/fd.hpp"

namespace troupe::net {

/// Names of unfinished uploads begin with this; a server that starts removes what an earlier one left.
inline constexpr std::string_view incoming_prefix = ".incoming-";

/// Removes unfinished uploads of an earlier process, not those that another gateway writes. errc::io when the folder
/// can't be read or made.
result<void> prepare_uploads_folder(const std::string& folder);

/// A file name that is safe in any folder: the last component, valid UTF-8 without control characters, no leading dot,
/// at most 200 bytes with its extension kept; "upload" when nothing is left.
std::string sanitised_name(std::string_view sent);

/// POST /api/videos/upload: parts go straight to "<uploads>/.incoming-<id>"; finish makes it "<uploads>/<id>/<name>",
/// synced with both folders. What is not registered in the end is removed.
class upload_sink final : public body_sink, private part_handler {
public:
  upload_sink(services& app, std::string_view boundary);
  ~upload_sink() override;

  result<void> write(std::string_view piece) override;
  result<void> finish() override;
  void complete(exchange& x, std::unique_ptr<body_sink> self) override;

private:
  result<void> on_part(const part_head& head) override;
  result<void> on_data(std::string_view piece) override;
  result<void> on_part_end() override;
  result<void> open_file();
  result<void> write_file(std::string_view piece);
  static void registered(exchange& x, result<submit_receipt> outcome);
  void remove();

  services& app_;
  multipart_parser parser_;
  std::string id_;
  /// The uploads folder with a slash; set with the file.
  std::string root_;
  std::string incoming_;
  std::string folder_;
  unique_fd file_;
  bool keep_ = false;
  bool have_file_ = false;
  enum class target : uint8_t { ignored, file, category } target_ = target::ignored;
  /// Bytes handed to the kernel for writing back; the rest follows in steps, so that the last sync is short.
  uint64_t flushed_ = 0;
  ports::finished_upload upload_;
};

} // namespace troupe::net
