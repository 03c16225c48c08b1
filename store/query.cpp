#include "store/query.hpp"

#include "store/text.hpp"

#include <soci/soci.h>

#include <algorithm>

namespace troupe::store {

namespace {

/// Jobs that were not made by splitting another (job_kind::whole). As the index jobs_listed has it, word for word.
constexpr const char* not_a_part = "(parent = '' OR kind NOT IN ('encode_chunk', 'encode_audio'))";

error refused(const std::string& field, std::string reason) {
  error e{errc::validation, field + ": " + reason};
  e.fields.emplace_back(field, std::move(reason));
  return e;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    auto end = std::min(text.find(','), text.size());
    if (end > 0)
      out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

} // namespace

void filter::also(const std::string& condition) {
  sql_ += (sql_.empty() ? " WHERE " : " AND ") + condition;
}

void filter::also(const std::string& column_and_operation, std::string value, const std::string& rest) {
  also(column_and_operation + " " + next_parameter(std::move(value)) + rest);
}

void filter::any_of(const std::string& column, const std::vector<std::string>& values) {
  std::string list;
  for (auto& v : values)
    list += (list.empty() ? "" : ", ") + next_parameter(v);
  also(column + " IN (" + list + ")");
}

void filter::any_of_states(const std::vector<std::string>& states) {
  auto named = [&](const char* state) { return std::find(states.begin(), states.end(), state) != states.end(); };
  // As shown_state has it. Literals, and the state alone where both are asked for: so the indexes serve.
  if (named("waiting") == named("running"))
    return any_of("state", states);
  std::string list;
  for (auto& s : states)
    list += (list.empty() ? "" : ", ") + next_parameter(s);
  if (named("running"))
    also("(state IN (" + list + ") OR (state = 'waiting' AND continuation <> ''))");
  else
    also("(state IN (" + list + ") AND NOT (state = 'waiting' AND continuation <> ''))");
}

std::string filter::next_parameter(std::string value) {
  values_.push_back(std::move(value));
  return ":p" + std::to_string(values_.size());
}

void filter::bind(soci::statement& st) {
  size_t i = 0;
  for (auto& v : values_)
    st.exchange(soci::use(v, "p" + std::to_string(++i)));
}

page_window::page_window(uint32_t page, uint32_t limit) :
  limit_(limit == 0 ? 20 : std::min<uint32_t>(limit, 1000)),
  offset_((static_cast<long long>(std::max<uint32_t>(page, 1)) - 1) * limit_) {
}

void page_window::bind(soci::statement& st) {
  st.exchange(soci::use(limit_, "page_limit"));
  st.exchange(soci::use(offset_, "page_offset"));
}

result<filter> job_filter(const job_query& query, const engine& eng) {
  filter out;
  // Written as a literal: only so do the partial indexes serve.
  if (!query.history)
    out.also("archived = 0");
  if (!query.parts && query.kind.empty() && !query.parent)
    out.also(not_a_part);
  auto states = split(query.status);
  for (auto& s : states)
    if (!job_state_from(s))
      return refused("status", "is waiting, delayed, queued, running, completed, failed or cancelled, or several of "
                               "them with commas");
  if (!states.empty())
    out.any_of_states(states);
  auto equal = [&](const char* column, std::string value) {
    if (value.empty())
      return;
    eng.encode_text(value);
    out.also(std::string{column} + " =", std::move(value));
  };
  equal("kind", query.kind);
  equal("queue", query.queue);
  equal("owner", query.owner);
  if (query.parent) {
    out.also("parent <> ''");
    out.also("parent =", query.parent.str());
  }
  return out;
}

result<filter> video_filter(const video_query& query, const engine& eng) {
  filter out;
  if (query.state.empty())
    out.also("state IN ('ready', 'pending', 'failed')");
  else if (video_state_from(query.state))
    out.also("state =", query.state);
  else
    return refused("state", "is pending, ready, failed, missing or removed");
  if (!query.category.empty()) {
    auto category = query.category;
    eng.encode_text(category);
    out.also("category =", std::move(category));
  }
  if (query.library)
    out.also("library =", query.library.str());
  if (query.search.size() > 256)
    return refused("search", "has at most 256 bytes");
  if (!query.search.empty()) {
    auto pattern = fold_case(query.search);
    eng.encode_text(pattern);
    pattern = like_pattern(pattern);
    out.also("title_folded LIKE", std::move(pattern), " ESCAPE '!'");
  }
  return out;
}

result<std::string> video_order(const std::string& sort) {
  if (sort.empty())
    return std::string{" ORDER BY created_at DESC, id DESC"};
  bool down = sort[0] == '-';
  auto name = down ? sort.substr(1) : sort;
  const char* column = name == "title"      ? "title_folded"
                       : name == "created"  ? "created_at"
                       : name == "duration" ? "duration"
                       : name == "size"     ? "size"
                                            : nullptr;
  if (!column)
    return refused("sort", "is title, created, duration or size, with a '-' before it to turn it round");
  std::string direction = down ? " DESC" : " ASC";
  return " ORDER BY " + std::string{column} + direction + ", id" + direction;
}

} // namespace troupe::store
