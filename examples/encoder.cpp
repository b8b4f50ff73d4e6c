// encoder FOLDER TEXT...: shapes of what a BERT encoder gives, and how alike the texts are.
#include <pals/encoder.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace {

// "[rows, width]" of numbers that lie row by row.
std::string shape(std::span<const float> values, int64_t width) {
  const auto rows = static_cast<int64_t>(values.size()) / width;
  return "[" + std::to_string(rows) + ", " + std::to_string(width) + "]";
}

void show(const pals::Encoder& encoder, const std::vector<pals::TextPair>& texts) {
  const pals::EncodedTexts encoded = encoder.encode(texts);
  const int64_t width = encoded.hidden_size();
  std::cout << encoded.num_layers() << " layers of " << shape(encoded.layer(-1), width) << '\n';
  for (int64_t text = 0; text < encoded.num_texts(); ++text) {
    std::cout << "text " << text << ": last layer " << shape(encoded.layer(-1, text), width)
              << ", tokens";
    for (const int32_t id : encoded.token_ids(text)) {
      std::cout << ' ' << encoder.tokenizer().vocabulary().token(id);
    }
    std::cout << '\n';
  }
  if (encoder.has_pooler()) std::cout << "pooled " << shape(encoded.pooled(), width) << '\n';

  // Cosines of the texts' mean vectors, which are 1 long.
  const std::vector<float> vectors = encoder.vectors(texts, pals::Pooling::kMean, true);
  for (auto a = vectors.begin(); a != vectors.end(); a += width) {
    for (auto b = vectors.begin(); b != vectors.end(); b += width) {
      std::cout << (b == vectors.begin() ? "" : " ") << std::inner_product(a, a + width, b, 0.0F);
    }
    std::cout << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: encoder FOLDER TEXT...\n";
    return EXIT_FAILURE;
  }
  try {
    const pals::Encoder encoder{std::string(argv[1])};
    std::vector<pals::TextPair> texts;
    for (int i = 2; i < argc; ++i) texts.push_back({argv[i], ""});
    show(encoder, texts);
  } catch (const std::exception& error) {
    std::cerr << "encoder: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
