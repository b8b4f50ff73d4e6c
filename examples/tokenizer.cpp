// tokenizer FOLDER TEXT [TEXT_B]: a text, or a pair, as tokens and as the model's input.
#include <pals/tokenizer.h>

#include <cstdlib>
#include <exception>
#include <iostream>

namespace {

void show(const pals::Tokenizer& tokenizer, const std::string& a, const std::string& b) {
  std::cout << "tokens:";
  for (const std::string& token : tokenizer.tokenize(a)) std::cout << ' ' << token;

  constexpr int kMaxTokens = 128;
  std::vector<int32_t> ids;
  const int32_t first = pals::encode_pair(tokenizer, a, b, kMaxTokens, ids);
  std::cout << "\ninput:";
  for (const int32_t id : ids) std::cout << ' ' << tokenizer.vocabulary().token(id);
  std::cout << "\nids:";
  for (const int32_t id : ids) std::cout << ' ' << id;
  std::cout << "\ntokens of type 0: " << first << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::cerr << "usage: tokenizer FOLDER TEXT [TEXT_B]\n";
    return EXIT_FAILURE;
  }
  try {
    show(pals::load_tokenizer(argv[1]), argv[2], argc == 4 ? argv[3] : "");
  } catch (const std::exception& error) {
    std::cerr << "tokenizer: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
