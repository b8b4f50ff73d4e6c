#include "pals/tokenizer.h"

#include "model/model_folder.h"

namespace pals {

Tokenizer load_tokenizer(const std::string& folder) { return load_folder_tokenizer(folder); }

}  // namespace pals
