#include <pals/tokenizer.h>

#include "api/rethrow.h"
#include "api/wrapped_tokenizer.h"
#include "features/features.h"
#include "hub/fetch.h"
#include "model/open.h"

namespace pals::api {

int32_t Vocabulary::size() const { return content_->tokenizer.vocabulary().size(); }

const std::string& Vocabulary::token(int32_t id) const {
  if (id < 0 || id >= size()) {
    throw UsageError(concat("token ", id, ": the vocabulary has ", size(), ", numbered from 0"));
  }
  return content_->tokenizer.vocabulary().token(id);
}

std::optional<int32_t> Vocabulary::find(std::string_view token) const {
  return content_->tokenizer.vocabulary().find(token);
}

std::vector<std::string> Tokenizer::tokenize(std::string_view utf8) const {
  return content_->tokenizer.tokenize(utf8);
}

std::vector<int32_t> Tokenizer::encode(std::string_view utf8) const {
  std::vector<int32_t> ids;
  content_->tokenizer.encode(utf8, ids);
  return ids;
}

bool Tokenizer::do_lower_case() const { return content_->tokenizer.do_lower_case(); }

Tokenizer load_tokenizer(const std::string& folder) {
  return rethrown([&] { return wrap(open_folder_tokenizer(local_model(folder))); });
}

int32_t encode_pair(const Tokenizer& tokenizer, std::string_view text_a, std::string_view text_b,
                    int max_tokens, std::vector<int32_t>& ids) {
  return rethrown([&] {
    return pals::encode_pair(tokenizer.content_->tokenizer, text_a, text_b, max_tokens, ids);
  });
}

}  // namespace pals::api
