#include "pals/tokenizer.h"

#include "model/tokenizer_files.h"

namespace pals {

Tokenizer load_tokenizer(const std::string& folder) { return open_folder_tokenizer(folder); }

}  // namespace pals
