// Vectors of texts: /embed, /similarity and /v1/embeddings.
#include <charconv>
#include <cmath>
#include <cstring>
#include <numeric>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/names.h"
#include "base/text_util.h"
#include "predict/encode.h"
#include "serve/asked_tasks.h"
#include "serve/body.h"
#include "serve/truncation.h"
#include "serve/work.h"

namespace pals {
namespace {

void append_number(float value, std::string& out) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char digits[32];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void append_vector(std::span<const float> vector, std::string& out) {
  out += '[';
  for (size_t i = 0; i < vector.size(); ++i) {
    if (i > 0) out += ',';
    append_number(vector[i], out);
  }
  out += ']';
}

/// The bytes of a vector, little-endian, in base64.
std::string base64(std::span<const float> vector) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<unsigned char> bytes(vector.size_bytes());
  std::memcpy(bytes.data(), vector.data(), bytes.size());
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = std::min<size_t>(3, bytes.size() - i);
    const auto byte = [&](size_t k) { return k < left ? uint32_t{bytes[i + k]} : 0U; };
    const uint32_t group = byte(0) << 16 | byte(1) << 8 | byte(2);
    for (size_t k = 0; k < 4; ++k) {
      text += k <= left ? kDigits[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return text;
}

/// The task whose trunk gives the vectors, and its name for the metrics.
int trunk_of(const ServedModel& model, const Json& body, std::vector<std::string>& names) {
  const std::string name = string_field(body, "task", "");
  if (!name.empty()) {
    names.push_back(name);
    return need_task(model, name);
  }
  if (model.encoder < 0) {
    refuse(
        concat("`task` is missing: the shared encoder is not served; tasks: ", model.task_list()));
  }
  return model.encoder;
}

VectorOptions options_in(const ServedModel& model, const Json& body, bool normalize) {
  const std::string name = string_field(body, "pooling", name_of(Pooling::kMean));
  const std::optional<Pooling> pooling = from_name<Pooling>(name);
  if (!pooling) {
    refuse(concat("`pooling`: ", quote(name), " is unknown, expected ",
                  join(all_names<Pooling>(), ", ")));
  }
  const VectorOptions options{*pooling, flag_field(body, "normalize", normalize)};
  if (options.pooling == Pooling::kPooled && !model.has_pooler) {
    refuse("`pooling`: these weights have no pooler; take \"cls\", \"mean\" or \"max\"");
  }
  return options;
}

/// Work without an answer yet.
Work vector_work(const ServedModel& model, const Json& body, const std::vector<std::string>& texts,
                 bool normalize) {
  Work work{.texts = static_cast<int64_t>(texts.size())};
  const int trunk = trunk_of(model, body, work.tasks);
  work.vectors = options_in(model, body, normalize);
  std::vector<Example> examples;
  for (const std::string& text : texts) examples.push_back({.text_a = text});
  TextEncoder encoder(rules_for(model, body, examples), {RowForm()});
  for (const Example& text : examples) encoder.add({.id = "", .texts = text});
  work.sources = {{encoder.finish().features.front(), {trunk}}};
  return work;
}

/// Vector `number` of a job of one source.
std::span<const float> vector_of(const Job& job, size_t number) {
  const auto width = static_cast<size_t>(job.runner->hidden_size());
  return std::span(job.vectors.front()).subspan(number * width, width);
}

}  // namespace

Work embed_work(const ServedModel& model, const Json& body, const RequestLimits& limits) {
  const std::vector<std::string> texts =
      text_list(need_field(body, "inputs"), "inputs", limits.max_client_batch_size);
  Work work = vector_work(model, body, texts, true);
  work.answer = [count = texts.size()](const Job& job) {
    std::string text = "[";
    for (size_t i = 0; i < count; ++i) {
      if (i > 0) text += ',';
      append_vector(vector_of(job, i), text);
    }
    return text + "]";
  };
  return work;
}

Work similarity_work(const ServedModel& model, const Json& body, const RequestLimits& limits) {
  const Json& inputs = need_field(body, "inputs");
  if (!inputs.is_object()) {
    refuse("`inputs` must be an object with `source_sentence` and `sentences`");
  }
  std::vector<std::string> texts =
      text_list(need_field(inputs, "sentences"), "sentences", limits.max_client_batch_size);
  texts.push_back(string_of(need_field(inputs, "source_sentence"), "source_sentence"));
  Work work = vector_work(model, body, texts, true);
  work.vectors->normalize = true;
  work.answer = [count = texts.size() - 1](const Job& job) {
    std::string text = "[";
    const std::span<const float> source = vector_of(job, count);
    for (size_t i = 0; i < count; ++i) {
      if (i > 0) text += ',';
      const std::span<const float> other = vector_of(job, i);
      append_number(std::inner_product(source.begin(), source.end(), other.begin(), 0.0F), text);
    }
    return text + "]";
  };
  return work;
}

Work openai_embeddings_work(const ServedModel& model, const Json& body,
                            const RequestLimits& limits) {
  const std::vector<std::string> texts =
      text_list(need_field(body, "input"), "input", limits.max_client_batch_size);
  const std::string format = string_field(body, "encoding_format", "float");
  if (format != "float" && format != "base64") {
    refuse("`encoding_format` must be \"float\" or \"base64\"");
  }
  const int64_t width = model.runner->hidden_size();
  if (const Json* dimensions = find_field(body, "dimensions"); dimensions != nullptr) {
    if (*dimensions != width) refuse(concat("`dimensions` must be ", width));
  }
  const std::string name = string_field(body, "model", model.name);
  Work work = vector_work(model, body, texts, true);
  const int64_t tokens = work.sources.front().features->num_tokens();
  work.answer = [count = texts.size(), as_text = format == "base64", name, tokens](const Job& job) {
    std::string text = R"({"object":"list","data":[)";
    for (size_t i = 0; i < count; ++i) {
      text += concat(i > 0 ? "," : "", R"({"object":"embedding","index":)", i, R"(,"embedding":)");
      if (as_text) {
        text += concat('"', base64(vector_of(job, i)), '"');
      } else {
        append_vector(vector_of(job, i), text);
      }
      text += '}';
    }
    return text + concat(R"(],"model":)", json_text(Json(name), -1),
                         R"(,"usage":{"prompt_tokens":)", tokens, R"(,"total_tokens":)", tokens,
                         "}}");
  };
  return work;
}

}  // namespace pals
