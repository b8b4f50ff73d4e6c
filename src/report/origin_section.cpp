// What the run was made of and how it was called.
#include <algorithm>
#include <ctime>

#include "base/error.h"
#include "base/text_util.h"
#include "report/chart.h"
#include "report/sections.h"
#include "settings/train_options.h"

namespace pals {
namespace {

constexpr size_t kMostCommand = 4000, kMostValue = 300, kMostRows = 400;

std::string time_text(int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  char text[32];
  if (seconds > int64_t{253402300799} || ::gmtime_r(&time, &parts) == nullptr ||
      std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts) == 0) {
    return "–";
  }
  return text;
}

/// An argument as a shell reads it.
std::string shell_text(const std::string& argument) {
  const bool plain = !argument.empty() && std::ranges::all_of(argument, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./=,:@%+").find(c) != std::string_view::npos;
  });
  if (plain) return argument;
  std::string quoted = "'";
  for (const char c : argument) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string command_text(const StartRecord& start) {
  std::vector<std::string> arguments;
  for (const std::string& argument : start.command) arguments.push_back(shell_text(argument));
  return arguments.empty() ? "(through the library)" : join(arguments, " ");
}

std::string starts_card(const RunHistory& history) {
  if (history.starts.empty()) return "";
  std::string content;
  const StartRecord* before = nullptr;
  for (const StartRecord& start : history.starts) {
    content += remark(
        concat(start.from_step == 0 ? "Began " : concat("Went on at step ", start.from_step, ", "),
               time_text(start.time), ", pals ", start.program, ", ", start.device, ", ",
               start.precision, ", ", counted(start.ranks, "process", "processes"), " of ",
               counted(start.threads, "thread")));
    if (before == nullptr || before->command != start.command) {
      content += concat("<pre>", html_text(command_text(start), kMostCommand), "</pre>\n");
    }
    before = &start;
  }
  return card("Command", content, "wide");
}

// Those that are not as they are by default.
std::string options_card(const RunData& run) {
  if (run.options.empty()) return "";
  const Json defaults = options_to_json(TrainOptions());
  HtmlTable table({"option", "value"}, {1});
  for (const auto& [name, value] : run.options.items()) {
    if (table.num_rows() == kMostRows) break;
    if (defaults.contains(name) && defaults[name] == value) continue;
    if (value.is_string() && value.get<std::string>().empty()) continue;
    table.add_row({concat("<code>", html_text("--" + name, 80), "</code>"),
                   html_text(run.option_text(name.c_str()), kMostValue)});
  }
  return card("Options that are not the default", table.html());
}

std::string hash_text(const Json& value) {
  return concat("<code>",
                html_text(value.is_string() ? value.get<std::string>() : json_text(value, -1), 64),
                "</code>");
}

std::string hashes_card(const RunData& run) {
  HtmlTable table({"content", "hash"}, {1});
  const auto data = run.identity.find("data");
  if (data != run.identity.end() && data->is_object()) {
    for (const auto& [name, hash] : data->items()) {
      if (table.num_rows() == kMostRows) break;
      const std::string_view shown =
          name.starts_with("content of ") ? std::string_view(name).substr(11) : name;
      table.add_row({html_text(shown, 100), hash_text(hash)});
    }
  }
  for (const auto& [key, name] : {std::pair{"vocabulary", "vocabulary"},
                                  std::pair{"starting_weights", "weights at the start"}}) {
    const auto value = run.identity.find(key);
    if (value != run.identity.end()) table.add_row({name, hash_text(*value)});
  }
  return table.num_rows() == 0 ? "" : card("Content", table.html());
}

int64_t sum_of(const std::map<std::string, int64_t>& parts) {
  int64_t sum = 0;
  for (const auto& [name, count] : parts) sum = bounded_sum(sum, count);
  return sum;
}

}  // namespace

std::string origin_section(const RunData& run) {
  const std::string content = starts_card(run.history) + grid(options_card(run) + hashes_card(run));
  return content.empty() ? "" : section("origin", "How it was made", stack(content));
}

std::string model_section(const RunData& run) {
  if (run.history.starts.empty()) return "";
  const StartRecord& start = run.history.starts.back();
  const int64_t shared = sum_of(start.shared);
  int64_t own = 0;
  std::vector<Share> shares;
  for (const char* part : {"embeddings", "layers", "pooler"}) {
    const auto found = start.shared.find(part);
    if (found == start.shared.end()) continue;
    shares.push_back(
        {concat("shared ", part), static_cast<double>(found->second), count_text(found->second)});
  }
  HtmlTable table({"task", "adapter", "head", "pooler", "all"});
  for (const auto& [task, parts] : start.own) {
    const auto count = [&parts = parts](const char* part) {
      const auto found = parts.find(part);
      return found == parts.end() ? std::string("–") : count_text(found->second);
    };
    own = std::min(run.parameters(), own + sum_of(parts));
    if (table.num_rows() < kMostRows) {
      table.add_row({html_text(task), count("adapter"), count("head"), count("pooler"),
                     count_text(sum_of(parts))});
    }
  }
  shares.push_back({concat("of ", counted(std::ssize(start.own), "task")), static_cast<double>(own),
                    count_text(own)});
  std::string note = concat(short_count(static_cast<double>(shared + own)), " parameters");
  if (shared > 0) {
    note += concat(
        ", ", format_double(static_cast<double>(shared + own) / static_cast<double>(shared), 3),
        " times the shared ones");
  }
  return section(
      "model", "Parameters",
      grid(card("By part", share_chart("parameters by part", shares) + remark(note + ".")) +
           card("Of each task", table.html())));
}

}  // namespace pals
