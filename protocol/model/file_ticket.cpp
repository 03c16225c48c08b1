#include "protocol/model/file_ticket.hpp"

#include "protocol/model/json_codec.hpp"

#include <algorithm>
#include <array>

namespace troupe {

namespace {

constexpr std::array<std::string_view, 3> action_names{"read", "write", "write_folder"};
constexpr uint64_t most_bytes_ever = 16ull << 40U;
constexpr std::string_view library_prefix = "library:";

bool is_root(std::string_view root) {
  return root == "data"
         || (root.starts_with(library_prefix) && library_id::parse(root.substr(library_prefix.size())).has_value());
}

/// Not absolute, nothing that leaves the root, nothing that a file system takes for something else.
bool is_relative_path(std::string_view path) {
  if (path.empty() || path.find('\0') != std::string_view::npos)
    return false;
  for (size_t begin = 0; begin <= path.size();) {
    auto end = std::min(path.find('/', begin), path.size());
    auto part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..")
      return false;
    begin = end + 1;
  }
  return true;
}

error wrong(std::string_view field, std::string reason) {
  error out{errc::validation, "a ticket's " + std::string{field} + " " + reason};
  out.fields.emplace_back(field, std::move(reason));
  return out;
}

} // namespace

std::string_view to_string(file_action x) noexcept {
  auto i = static_cast<size_t>(x);
  return i < action_names.size() ? action_names[i] : "unknown";
}

result<void> check(const file_ticket& x) {
  if (static_cast<size_t>(x.action) >= action_names.size())
    return wrong("action", "is none of read, write, write_folder");
  if (!is_root(x.root))
    return wrong("root", "must be 'data' or 'library:' and an id");
  if (!is_relative_path(x.path))
    return wrong("path", "must be relative to its root, without '.' and '..'");
  if (!x.token.job && x.action != file_action::read)
    return wrong("token", "must name a job and an attempt");
  if (!is_set(x.expires))
    return wrong("expires", "must be a time");
  if (x.action == file_action::read && x.content.empty())
    return wrong("content", "must say what is to be read");
  if (x.action != file_action::read && (x.most_bytes == 0 || x.most_bytes > most_bytes_ever))
    return wrong("mostBytes", "must be from 1 to " + std::to_string(most_bytes_ever));
  return {};
}

std::string encode(const file_ticket& x) {
  object_writer out;
  out.text("action", to_string(x.action)).text("root", x.root).text("path", x.path).text("node", x.node);
  out.text("token", x.token.job ? x.token.str() : "").text("content", x.content).number("size", x.size);
  out.number("mostBytes", x.most_bytes).number("expires", to_ms(x.expires));
  return std::move(out).str();
}

result<file_ticket> decode_file_ticket(std::string_view text) {
  auto doc = parse_json(text, "a ticket");
  if (!doc)
    return std::move(doc).error();
  file_ticket x;
  std::string action;
  std::string token;
  int64_t expires = 0;
  object_reader in{*doc, "a ticket"};
  in.read("action", action).read("root", x.root).read("path", x.path).read("node", x.node);
  in.read("token", token).read("content", x.content).read("size", x.size).read("mostBytes", x.most_bytes);
  in.read("expires", expires);
  if (!in.ok())
    return in.problem();
  auto known = std::find(action_names.begin(), action_names.end(), action);
  x.action = static_cast<file_action>(known - action_names.begin());
  if (auto parsed = lease_token::parse(token))
    x.token = *parsed;
  x.expires = from_ms(expires);
  TROUPE_TRY(check(x));
  // Fields that are missing, unknown, repeated or in other words are nobody's that we know.
  if (encode(x) != text)
    return {errc::validation,
            "a ticket is not in the form that this version writes; do all nodes run the same version?"};
  return x;
}

} // namespace troupe
